import { OperationId } from '../../events/ids.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { confirmation, unique } from './samples.ts';

/**
 * A process that the test kills: `node killed-process.ts folder|url write|work|hold`. It prints
 * each completed step: `committed <id>` after a change with a state and a message, and `handled
 * <id> <receive count>` in a handler.
 */
const [where = '', what] = process.argv.slice(2);
const place = where.startsWith('postgres://') ? { databaseUrl: where } : { dataFolder: where };
const engine = await openPostgresEngine(place);
const print = (...words: (string | number)[]) => process.stdout.write(`${words.join(' ')}\n`);
print('open');

if (what !== 'write')
  await engine.work('coordinate', { concurrency: 2 }, async ([delivery]) => {
    if (delivery?.message.type !== 'operation.confirm') return;
    print('handled', delivery.message.data.operationId, delivery.receiveCount);
    if (what === 'hold') await new Promise(() => {});
  });
while (what !== 'hold') {
  const id = OperationId.parse(`op-${unique()}`);
  await engine.commit({ seen: [id], messages: [confirmation(id)], counters: { commits: 1 } });
  print('committed', id);
}
