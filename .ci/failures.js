/** Prints each failed test of a jest report (`--json`) with the start of its message. */
import { readFileSync } from 'node:fs';

const MESSAGE_CHARACTERS = 4000;
const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
for (const file of report.testResults) {
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  for (const { fullName, failureMessages } of failed)
    process.stdout.write(`${file.name}\n  ${fullName}\n${start(failureMessages.join('\n'))}\n`);
  // The file itself failed: it could not be loaded, or a hook after the tests threw.
  if (failed.length === 0 && file.status === 'failed')
    process.stdout.write(`${file.name}\n${start(file.message)}\n`);
}

/** @param {string} message */
function start(message) {
  return message.slice(0, MESSAGE_CHARACTERS);
}
