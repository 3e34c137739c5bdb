import type { Cloud } from './cloud.ts';
import type { Credentials } from './credentials.ts';
import { type ConnectOptions, openCloud } from './open-cloud.ts';
import { createUndiciClient } from './undici-client.ts';

export type { CallRecord, ConnectOptions } from './open-cloud.ts';

/** Opens a cloud ({@link openCloud}) with the HTTP client undici, which supports proxies. */
export const connectCloud = (credentials: Credentials, options: ConnectOptions = {}): Cloud =>
  openCloud(createUndiciClient, credentials, options);
