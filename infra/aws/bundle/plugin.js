// A plugin of osls, the Serverless Framework of this project. It builds the zips of the functions
// before osls reads them.
import { SETTINGS } from '../template/parameters.ts';
import { stackOf } from '../template/stack.ts';
import { writeBundles } from './bundle.ts';

export default class PackageFunctions {
  constructor(serverless) {
    this.hooks = {
      'before:package:createDeploymentArtifacts': async () => {
        const { service, serviceDir } = serverless;
        // The settings of a function name the HTTP plugins. They do not name the policy file,
        // which becomes a part of the bundles.
        const { environment } = service.getFunction('coordinate');
        const given = { ...environment, PROPAGATOR_POLICY: service.custom.policyFile };
        const settings = SETTINGS.map((name) => [name, given[name] ?? '']);
        const stack = stackOf(service.provider.stage, Object.fromEntries(settings));
        await writeBundles(stack, serviceDir);
      },
    };
  }
}
