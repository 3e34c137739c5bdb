/**
 * Returns a table whose columns are as wide as their longest cell, so that a terminal shows it as
 * well as a browser.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_name, column) =>
    Math.max(3, ...cells.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)].join('\n');
}

export const list = (points: readonly string[]): string =>
  points.map((point) => `- ${point}`).join('\n');

export const code = (lines: readonly string[]): string => ['```', ...lines, '```'].join('\n');

export const quoted = (names: readonly string[]): string =>
  names.map((name) => `\`${name}\``).join(', ');

/** Joins the parts that are not empty with an empty line between them. */
export const joined = (parts: readonly (string | undefined)[]): string =>
  `${parts.filter((part) => part !== undefined && part !== '').join('\n\n')}\n`;

/** Returns links to the pages of these services in the same folder. */
export const linked = (services: readonly string[]): string =>
  services.map((name) => `[${name}](${name}.md)`).join(', ');

/**
 * Returns a page in which these tables replace the older ones. The first line of a table identifies
 * it. Throws if a table is missing.
 */
export function withTables(page: string, tables: readonly string[]): string {
  return tables.reduce((text, newTable) => {
    const [head = ''] = newTable.split('\n');
    const from = text.indexOf(`${head}\n`);
    if (from < 0) throw new Error(`there is no table that begins with ${head}`);
    const [oldTable = ''] = /^(?:\|.*\n)+/.exec(text.slice(from)) ?? [];
    return `${text.slice(0, from)}${newTable}\n${text.slice(from + oldTable.length)}`;
  }, page);
}
