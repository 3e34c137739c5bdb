// What serverless.yml includes. osls loads files that end in .js, and asks a function for what it exports.
import { serverlessFunctions } from './functions.ts';
import { PARAMETER_NAMES } from './parameters.ts';
import { stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ options, resolveVariable }) {
  // osls gives no parameter that nobody asks for: one that is misspelt would be left out without a word.
  const written = (options.param ?? []).map((pair) => pair.split('=')[0]);
  const names = [...new Set([...PARAMETER_NAMES, ...written])];
  const given = await Promise.all(names.map(async (name) => [name, String((await resolveVariable(`param:${name}, ''`)) ?? '')]));
  const stage = await resolveVariable('sls:stage');
  try {
    return stackOf(stage, Object.fromEntries(given.filter(([, value]) => value !== '')));
  } catch (error) {
    // osls prints the stack trace of what it catches, and the operator needs the one line that names his parameter.
    throw Object.assign(error, { stack: error.message, isWrongParameter: true });
  }
}

export const functions = async (serverless) => serverlessFunctions(await stack(serverless));

export const resources = async (serverless) => {
  try {
    return serverlessResources(await stack(serverless));
  } catch (error) {
    // Once is enough: the functions say it, and nothing is made.
    if (error.isWrongParameter) return {};
    throw error;
  }
};
