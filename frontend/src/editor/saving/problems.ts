/** The sentence for a problem: no answer from the server, or a refusal. */

import type { Problem } from "../../api/types";
import { words } from "../../words";

export function sayProblem(problem: Problem): string {
  if (problem.code === "broken") return problem.detail;
  if (problem.status === 0) return words.problems.noAnswerKept;
  if (problem.status === 401) return words.problems.signedOut;
  if (problem.status === 410) return words.problems.leaseEnded;
  return problem.detail || words.problems.refused(problem.status);
}
