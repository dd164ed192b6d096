/** Formats amounts in English: counts, lengths, areas and times. */

const counted = (count: number, singular: string, plural: string) =>
  count === 1 ? `1 ${singular}` : `${count} ${plural}`;

export const strokes = (count: number) => counted(count, "stroke", "strokes");
export const corners = (count: number) => counted(count, "corner", "corners");
export const days = (count: number) => counted(count, "day", "days");
export const lesions = (count: number) => counted(count, "lesion", "lesions");

export const pixels = (count: number) => `${count.toLocaleString("en")} px`;
export const millimetres = (length: number, digits: number) => `${length.toFixed(digits)} mm`;

export function ago(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/** Join the parts that are not empty. */
export const joined = (parts: readonly string[], between: string) =>
  parts.filter(Boolean).join(between);
