import type { Cloud } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { type ConnectOptions, openCloud } from './open-cloud.ts';
import { createUndiciClient } from './undici-client.ts';

export type { Call, ConnectOptions } from './open-cloud.ts';

/** {@link openCloud} over undici, which also reaches clouds through a proxy. */
export const connectCloud = (credentials: Credentials, options: ConnectOptions = {}): Cloud =>
  openCloud(createUndiciClient, credentials, options);
