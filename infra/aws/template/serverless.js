// What serverless.yml includes. osls loads files that end in .js, and asks a function for what it
// exports.
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { serverlessFunctions } from './functions.ts';
import { PARAMETER_NAMES } from './parameters.ts';
import { stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ options, resolveVariable }) {
  // osls gives no parameter that nobody asks for: one that is misspelt would be left out without a
  // word.
  const written = (options.param ?? []).map((pair) => pair.split('=')[0]);
  const names = [...new Set([...PARAMETER_NAMES, ...written])];
  const given = await Promise.all(
    names.map(async (name) => [name, String((await resolveVariable(`param:${name}, ''`)) ?? '')]),
  );
  return stackOf(
    await resolveVariable('sls:stage'),
    Object.fromEntries(given.filter(([, value]) => value !== '')),
  );
}

export const functions = inOneLine(async (serverless) =>
  serverlessFunctions(await stack(serverless)),
);
export const resources = inOneLine(async (serverless) => {
  const made = await stack(serverless).catch(saidByTheFunctions);
  return made ? serverlessResources(made) : {};
});

/**
 * osls prints the stack trace of what it catches, and the operator needs the one line that names
 * what is wrong.
 */
function inOneLine(make) {
  return async (serverless) => {
    try {
      return await make(serverless);
    } catch (error) {
      throw isForOperators(error) ? Object.assign(error, { stack: error.message }) : error;
    }
  };
}

/** Once is enough: osls asks for both, and goes no further when one of them fails. */
function saidByTheFunctions(error) {
  if (!isForOperators(error)) throw error;
}

/** A TypeError, say, is a defect, and a failure of osls has words of its own. */
const isForOperators = (error) => error instanceof PropagatorError || error.constructor === Error;
