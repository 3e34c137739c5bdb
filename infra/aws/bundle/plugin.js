// A plugin for osls that builds the zips of the functions before osls reads them.
import { SETTINGS } from '../template/parameters.ts';
import { stackOf } from '../template/stack.ts';
import { writeBundles } from './bundle.ts';

export default class PackageFunctions {
  constructor(serverless) {
    this.hooks = {
      'before:package:createDeploymentArtifacts': async () => {
        const { service, serviceDir } = serverless;
        // The settings as the functions receive them, because they name the operator's own
        // services.
        const { environment } = service.getFunction('coordinate');
        const given = Object.fromEntries(SETTINGS.map((name) => [name, environment[name] ?? '']));
        await writeBundles(stackOf(service.provider.stage, given), serviceDir);
      },
    };
  }
}
