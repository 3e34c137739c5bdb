// A plugin of osls, the Serverless Framework of this project. It builds the zips of the functions
// before osls reads them.
import { SETTING_PARAMETERS } from '../template/parameters.ts';
import { stackOf } from '../template/stack.ts';
import { writeBundles } from './bundle.ts';

export default class PackageFunctions {
  constructor(serverless) {
    this.hooks = {
      'before:package:createDeploymentArtifacts': async () => {
        const { service, serviceDir } = serverless;
        // The environment of a function has the settings of the stack. It has no path of the policy
        // file, because the bundles contain the policy itself.
        const { environment } = service.getFunction('coordinate');
        const values = { ...environment, PROPAGATOR_POLICY: service.custom.policyFile };
        const settings = SETTING_PARAMETERS.map((name) => [name, values[name] ?? '']);
        const stack = stackOf(service.provider.stage, Object.fromEntries(settings));
        await writeBundles(stack, serviceDir);
      },
    };
  }
}
