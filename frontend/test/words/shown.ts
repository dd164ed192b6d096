/**
 * Finds in a source what looks like words for people: any word where it would be shown or spoken (an
 * element's text, an accessible name, a tooltip, a notice), and a sentence or a capitalised word
 * anywhere. A single small word that reaches the page by a variable is beyond it.
 */

import ts from "typescript";

export type Shown = { readonly line: number; readonly text: string };

/** Attributes and properties that people read, and those that only the machine does. */
const READ = new Set(
  ["alt", "aria-label", "aria-description", "aria-valuetext", "placeholder", "title"].concat([
    "detail",
    "label",
    "message",
    "notice",
    "problem",
    "text",
    "textContent",
  ]),
);
const UNREAD = new Set(["class", "icon", "keys"]);

/** Calls by what they do with their arguments; of `h`, the arguments from the third are children. */
const SHOWING = new Set(["append", "openDialog", "prepend", "replaceChildren", "setText"]);
const SELECTING = new Set([
  "closest",
  "matches",
  "querySelector",
  "querySelectorAll",
  "startsWith",
]);

const COMPARING = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.InKeyword,
]);

const ANY_WORD = /\p{L}/u;
/** Two words in a row, a number beside a word, or one word that begins with a capital. */
const PROSE = /\p{L}{2,}[,;:.]? \p{L}|\d \p{L}{2}|^\p{Lu}\p{Ll}+$/u;
const VALUE = "\0";
const PROSE_WITH_VALUE = new RegExp(`${PROSE.source}|\\p{L}:? ${VALUE}|${VALUE} [\\p{L}%]`, "u");

type Use = "read" | "unread" | "open";

function calleeName({ expression }: ts.CallExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
}

function useAsArgument(call: ts.CallExpression, argument: ts.Node): Use {
  const name = calleeName(call);
  if (name === "h") return call.arguments.indexOf(argument as ts.Expression) > 1 ? "read" : "open";
  if (SELECTING.has(name)) return "unread";
  return SHOWING.has(name) ? "read" : "open";
}

function useByName(name: string): Use {
  if (READ.has(name)) return "read";
  return UNREAD.has(name) ? "unread" : "open";
}

function useByAssignment(left: ts.Expression): Use {
  if (!ts.isPropertyAccessExpression(left)) return "open";
  return left.expression.getText().endsWith(".style") ? "unread" : useByName(left.name.text);
}

function functionName(node: ts.Node): string {
  const around = ts.findAncestor(node, ts.isFunctionLike);
  return around?.name?.getText() ?? "";
}

/** What becomes of a value, followed outward to where it is used. */
function useOf(node: ts.Node): Use {
  const { parent } = node;
  if (ts.isCaseClause(parent) || ts.isElementAccessExpression(parent)) return "unread";
  if (ts.isPropertyAccessExpression(parent))
    return parent.name.text === "includes" ? "unread" : "open";
  if (ts.isCallExpression(parent)) return useAsArgument(parent, node);
  if (ts.isPropertyAssignment(parent)) {
    if (parent.name === node) return "unread";
    return useByName(ts.isStringLiteral(parent.name) ? parent.name.text : parent.name.getText());
  }
  if (ts.isReturnStatement(parent)) return functionName(parent).endsWith("Words") ? "read" : "open";
  if (ts.isConditionalExpression(parent) && parent.condition === node) return "unread";
  if (ts.isBinaryExpression(parent)) {
    const { kind } = parent.operatorToken;
    if (COMPARING.has(kind)) return "unread";
    return kind === ts.SyntaxKind.EqualsToken ? useByAssignment(parent.left) : useOf(parent);
  }
  const isPassedOn =
    ts.isConditionalExpression(parent) ||
    ts.isParenthesizedExpression(parent) ||
    ts.isArrayLiteralExpression(parent) ||
    ts.isSpreadElement(parent) ||
    ts.isAsExpression(parent) ||
    ts.isTemplateSpan(parent) ||
    ts.isTemplateExpression(parent);
  return isPassedOn ? useOf(parent) : "open";
}

/** The literal's own text, with a mark for each value; null where the node is no literal. */
function literalText(node: ts.Node): string | null {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return null;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(VALUE);
}

function isShown(node: ts.Node, text: string): boolean {
  const use = useOf(node);
  if (use === "unread") return false;
  if (use === "read") return ANY_WORD.test(text);
  return (text.includes(VALUE) ? PROSE_WITH_VALUE : PROSE).test(text);
}

export function shownWords(source: string): readonly Shown[] {
  const file = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const shown: Shown[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    const text = literalText(node);
    if (text !== null && isShown(node, text)) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      shown.push({ line: line + 1, text: text.replaceAll(VALUE, "…") });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return shown;
}
