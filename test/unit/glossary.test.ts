import { baseline, countsOf } from '../glossary/baseline.ts';
import { findings, findingsIn } from '../glossary/findings.ts';

describe('the words of the glossary', () => {
  it('are used in names, texts and documentation (node test/glossary/report.ts FOLDER)', () => {
    // A file that became better is recorded: node test/glossary/report.ts --record
    expect(countsOf(findings())).toEqual(baseline());
  });

  it.each([
    ['an identifier', 'const openDoor = 1;', 'door'],
    ['a constant', 'const OPEN_DOOR = 1;', 'door'],
    ['a private field', 'class A { #door = 1; }', 'door'],
    ['a string', "const a = 'names another door';", 'door'],
    ['a value of one word', "const a = 'open-door';", 'door'],
    ['a template', `const a = \`at \${host}: the door is closed\`;`, 'door'],
    [
      'a template inside a template',
      `const a = \`\${b ? \`x\` : \`the door of \${c}\`}\`;`,
      'door',
    ],
    ['a string after a regular expression', "const a = /'/.test(b) ? 'the door' : '';", 'door'],
    ['a string after a division', "const a = (b / 2) / c + 'the door';", 'door'],
  ])('are checked in %s', (_, source, word) => {
    expect(findingsIn('lib/a.ts', source).map((finding) => finding.word)).toEqual([word]);
  });

  it('are checked in the name of a file and in a page', () => {
    expect(findingsIn('lib/open-door.ts', '').map(({ word }) => word)).toEqual(['door']);
    expect(findingsIn('docs/a.md', 'one\nthe door\n').map(({ line }) => line)).toEqual([2]);
  });

  it.each([
    ['a comment', '/** The door. */ const a = 1; // the door'],
    ['a regular expression', 'const a = /the door/;'],
    ['the path of an import, which is checked at its file', "import { a } from './door.ts';"],
    ['a function of the language', 'const a = Math.round(1.5);'],
    ['the adjective', "const a = 'a dead letter, dead-letter messages';"],
    ['a part of another word', "const a = 'outdoors, something, newsletter';"],
  ])('are not checked in %s', (_, source) => {
    expect(findingsIn('lib/a.ts', source)).toEqual([]);
  });
});
