// The module that serverless.yml includes. osls loads files that end in .js and calls the exported
// functions.
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { serverlessFunctions } from './functions.ts';
import { PARAMETER_NAMES } from './parameters.ts';
import { stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ options, resolveVariable }) {
  // osls passes only requested parameters, so a misspelled one would be ignored silently. Therefore
  // request every name on the command line.
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
 * osls prints the stack trace of an error. The operator needs only the line that names the fault.
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

/** Report the error only once: osls requests both exports and stops when one fails. */
function saidByTheFunctions(error) {
  if (!isForOperators(error)) throw error;
}

/**
 * Any other error, for example a TypeError, is a defect or an error of osls and keeps its stack.
 */
const isForOperators = (error) => error instanceof PropagatorError || error.constructor === Error;
