// The module that serverless.yml includes. osls loads files that end in .js and calls the exported
// functions.
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { serverlessFunctions } from './functions.ts';
import { PARAMETER_NAMES } from './parameters.ts';
import { stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ options, resolveVariable }) {
  // osls passes only requested parameters, so it would silently ignore a misspelled name. Every
  // name of the command line is therefore requested.
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

export const functions = withOneLineError(async (serverless) =>
  serverlessFunctions(await stack(serverless)),
);
export const resources = withOneLineError(async (serverless) => {
  const made = await stack(serverless).catch(ignoreReported);
  return made ? serverlessResources(made) : {};
});

/** Replaces the stack trace, which osls prints, with the line that names the fault. */
function withOneLineError(make) {
  return async (serverless) => {
    try {
      return await make(serverless);
    } catch (error) {
      throw isForOperators(error) ? Object.assign(error, { stack: error.message }) : error;
    }
  };
}

/**
 * Ignores an error that the export `functions` reports. osls requests both exports and stops when
 * one fails.
 */
function ignoreReported(error) {
  if (!isForOperators(error)) throw error;
}

/** Other errors, for example a TypeError, are a defect or an error of osls and keep their stack. */
const isForOperators = (error) => error instanceof PropagatorError || error.constructor === Error;
