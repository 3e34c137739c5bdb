// The module that serverless.yml includes. osls, the Serverless Framework of this project, loads
// only files that end in .js, and calls the exported functions.
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { PARAMETER_NAMES } from './parameters.ts';
import { serverlessFunctions } from './serverless-functions.ts';
import { stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ options, resolveVariable }) {
  // osls passes only the parameters that this module requests. The module therefore also requests
  // each name of the command line: `stackOf` reports a misspelled name.
  const namesOfCommandLine = (options.param ?? []).map((pair) => pair.split('=')[0]);
  const names = [...new Set([...PARAMETER_NAMES, ...namesOfCommandLine])];
  const values = await Promise.all(
    names.map(async (name) => [name, String((await resolveVariable(`param:${name}, ''`)) ?? '')]),
  );
  return stackOf(
    await resolveVariable('sls:stage'),
    Object.fromEntries(values.filter(([, value]) => value !== '')),
  );
}

export const functions = withOneLineError(async (serverless) =>
  serverlessFunctions(await stack(serverless)),
);
export const resources = withOneLineError(async (serverless) => {
  const validStack = await stack(serverless).catch(ignoreReported);
  return validStack ? serverlessResources(validStack) : {};
});

/** osls prints the stack trace of an error. This function replaces it by the text of the error. */
function withOneLineError(buildSection) {
  return async (serverless) => {
    try {
      return await buildSection(serverless);
    } catch (error) {
      throw isForOperators(error) ? Object.assign(error, { stack: error.message }) : error;
    }
  };
}

/**
 * Ignores an error that the export `functions` also throws, so that osls prints it only once. osls
 * calls both exports, and stops when one of them fails.
 */
function ignoreReported(error) {
  if (!isForOperators(error)) throw error;
}

/**
 * True for an error whose text is for the operator. Any other error, for example a TypeError, is a
 * defect of the code, and keeps its stack trace.
 */
const isForOperators = (error) => error instanceof PropagatorError || error.constructor === Error;
