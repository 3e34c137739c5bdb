import { benchNotifications } from './notifications.ts';
import { benchProjectCleanup } from './project-cleanup.ts';
import { benchStart } from './start.ts';

/** Every number of the README. Needs RABBITMQ_URL, and OS_CLOUD for the last part. Asserts nothing. */
await benchStart();
await benchNotifications();
await benchProjectCleanup();
