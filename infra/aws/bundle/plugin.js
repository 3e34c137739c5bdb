// For osls: makes the zips of the functions before it looks for them.
import { SETTINGS } from '../template/parameters.ts';
import { stackOf } from '../template/stack.ts';
import { writeBundles } from './bundle.ts';

export default class PackageFunctions {
  constructor(serverless) {
    this.hooks = {
      'before:package:createDeploymentArtifacts': async () => {
        const { service, serviceDir } = serverless;
        // The settings as they stand in the functions: they say which services of the operator's
        // own there are.
        const { environment } = service.getFunction('coordinate');
        const given = Object.fromEntries(SETTINGS.map((name) => [name, environment[name] ?? '']));
        await writeBundles(stackOf(service.provider.stage, given), serviceDir);
      },
    };
  }
}
