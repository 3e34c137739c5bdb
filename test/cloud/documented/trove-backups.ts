import { finishLater, type Routes } from '../documented.ts';
import { type Call, param, Refusal, type Reply } from '../http.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import { byOffset, found, ofToken, time } from './trove-call.ts';
import type { Backup, Strategy, Tables } from './trove-rows.ts';

/** Backups and the containers for new backups. */
export function backupRoutes(state: CloudState, tables: Tables, routes: Routes): void {
  const { backups, strategies } = tables;
  const show = (row: Backup) => ({
    id: row.id,
    name: row.name,
    project_id: row.tenant_id,
    status: row.status,
    instance_id: row.instance_id,
    parent_id: row.parent_id,
    updated: time(row.updated),
  });
  const list = (call: Call): Reply => {
    const [project, all] = ['project_id', 'all_projects'].map((name) => call.query.get(name));
    if ((project || all) && !isAdmin(call.token))
      throw new Refusal(403, 'Policy does not allow backup:index:all_projects to be performed.');
    const wanted = project ?? (all === 'true' ? undefined : ownProject(call.token));
    return byOffset(
      call,
      backups.where((row) => wanted === undefined || row.tenant_id === wanted),
      'backups',
      show,
    );
  };
  /**
   * Trove also deletes the backups that are based on it, of any owner. With a token on another
   * project it does not find the data, and removes the row anyway.
   */
  const remove = (call: Call, row: Backup): void => {
    for (const child of backups.where((each) => each.parent_id === row.id)) remove(call, child);
    if (['NEW', 'BUILDING', 'SAVING'].includes(row.status))
      throw new Refusal(422, `Backup ${row.id} cannot be deleted because it is running.`);
    const own = ownProject(call.token);
    if (tables.swift === 'refuses')
      throw new Refusal(401, `Swift account not accessible for tenant ${own}.`);
    if (tables.swift === 'missing') throw new Refusal(404, `Swift is disabled for tenant ${own}.`);
    if (own !== row.tenant_id)
      state.sideEffects.push(`the data of backup ${row.name} were left in Swift`);
    finishLater(state, call, state.options.durations.documented, () => backups.delete(row.id));
  };
  routes
    .on('GET', '/v1.0/:tenant/backups', ofToken(list))
    .on(
      'GET',
      '/v1.0/:tenant/backups/:id',
      ofToken((call) => ({
        status: 200,
        json: { backup: show(found(call, backups, 'Resource')) },
      })),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/backups/:id',
      ofToken((call) => {
        remove(call, found(call, backups, 'Resource'));
        return { status: 202 };
      }),
    );

  const whose = (call: Call): string => {
    const project = call.query.get('project_id') ?? param(call, 'tenant');
    if (project !== ownProject(call.token) && !isAdmin(call.token))
      throw new Refusal(403, `User ${ownProject(call.token)} is not authorized.`);
    return project;
  };
  const showStrategy = (row: Strategy) => ({
    project_id: row.tenant_id,
    instance_id: row.instance_id,
    backend: 'swift',
    swift_container: 'x',
  });
  routes
    .on(
      'GET',
      '/v1.0/:tenant/backup_strategies',
      ofToken((call) => {
        const project = whose(call);
        return {
          status: 200,
          json: {
            backup_strategies: strategies
              .where((row) => row.tenant_id === project)
              .map(showStrategy),
          },
        };
      }),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/backup_strategies',
      ofToken((call) => {
        const [project, instance] = [whose(call), call.query.get('instance_id') ?? ''];
        const rows = strategies.where(
          (row) => row.tenant_id === project && row.instance_id === instance,
        );
        for (const row of call.endless ? [] : rows) strategies.delete(row.id);
        return { status: 202 };
      }),
    );
}
