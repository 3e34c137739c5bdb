// What serverless.yml includes. osls loads files that end in .js, and asks a function for what it exports.
import { serverlessFunctions } from './functions.ts';
import { PARAMETERS, SETTINGS, stackOf } from './stack.ts';
import { serverlessResources } from './template.ts';

async function stack({ resolveVariable }) {
  const names = [...SETTINGS, ...Object.keys(PARAMETERS)];
  const given = await Promise.all(names.map(async (name) => [name, String((await resolveVariable(`param:${name}, ''`)) ?? '')]));
  return stackOf(await resolveVariable('sls:stage'), Object.fromEntries(given));
}

export const functions = async (serverless) => serverlessFunctions(await stack(serverless));
export const resources = async (serverless) => serverlessResources(await stack(serverless));
