import type { Ask } from './compare-ask.ts';

/**
 * Keystone: versions, projects, domains, users, application credentials, and the rows that remain
 * after deletions.
 */
export async function identityScript(ask: Ask): Promise<void> {
  const stamp = Date.now();
  await ask('identity', 'GET', '//');
  await ask('identity', 'GET', '//v3');
  await ask('identity', 'GET', '/projects', { headers: { 'X-Auth-Token': 'nonsense' } });
  const domain = ask.id(
    await ask('identity', 'POST', '/domains', {
      json: { domain: { name: `fake-compare-${stamp}` } },
    }),
  );
  const parent = ask.id(
    await ask('identity', 'POST', '/projects', {
      json: { project: { name: 'parent', domain_id: domain } },
    }),
  );
  await ask('identity', 'POST', '/projects', {
    json: { project: { name: 'parent', domain_id: domain } },
    silent: true,
  });
  const child = ask.id(
    await ask('identity', 'POST', '/projects', {
      json: { project: { name: 'child', domain_id: domain, parent_id: parent } },
    }),
  );
  await ask('identity', 'GET', `/projects/${child}`);
  await ask('identity', 'GET', '/projects/nope');
  await ask('identity', 'GET', `/domains/${domain}`);
  await ask('identity', 'GET', `/domains/${child}`);
  await ask('identity', 'GET', `/projects/${domain}`);
  await ask('identity', 'GET', `/projects?domain_id=${domain}`);
  await ask('identity', 'DELETE', `/projects/${parent}`);
  await ask('identity', 'PATCH', `/projects/${parent}`, { json: { project: { enabled: false } } });
  await ask('identity', 'DELETE', `/domains/${domain}`);
  const user = ask.id(
    await ask('identity', 'POST', '/users', {
      json: { user: { name: 'u', domain_id: domain, password: 'x', default_project_id: child } },
    }),
  );
  const group = ask.id(
    await ask('identity', 'POST', '/groups', { json: { group: { name: 'g', domain_id: domain } } }),
  );
  await ask('identity', 'PUT', `/groups/${group}/users/${user}`);
  await ask('identity', 'GET', `/groups/${group}/users`);
  const roles = await ask('identity', 'GET', '/roles?name=member');
  const member = /"id": ?"([0-9a-f]{32})"/.exec(roles.text)?.[1];
  await ask('identity', 'PUT', `/projects/${child}/users/${user}/roles/${member}`);
  await ask('identity', 'PUT', `/projects/${child}/groups/${group}/roles/${member}`);
  await ask('identity', 'GET', `/role_assignments?scope.project.id=${child}`);
  await ask('identity', 'GET', `/role_assignments?effective&scope.project.id=${child}`);
  await ask(
    'identity',
    'GET',
    `/role_assignments?effective=true&include_names=true&user.id=${user}`,
  );
  const identity = { methods: ['password'], password: { user: { id: user, password: 'x' } } };
  const token = await ask('identity', 'POST', '/auth/tokens', {
    json: { auth: { identity, scope: { project: { id: child } } } },
  });
  const credential = ask.id(
    await ask('identity', 'POST', `/users/${user}/application_credentials`, {
      json: { application_credential: { name: 'a', secret: 's' } },
      headers: { 'X-Auth-Token': token.headers['x-subject-token'] ?? '' },
    }),
  );
  await ask('identity', 'POST', `/users/${user}/application_credentials`, {
    json: { application_credential: { name: 'b' } },
    silent: true,
  });
  await ask('identity', 'GET', `/users/${user}/application_credentials`);
  const byCredential = {
    methods: ['application_credential'],
    application_credential: { id: credential, secret: 's' },
  };
  await ask('identity', 'POST', '/auth/tokens', { json: { auth: { identity: byCredential } } });
  await ask('identity', 'POST', '/auth/tokens', {
    json: {
      auth: { identity: { ...identity, password: { user: { id: user, password: 'wrong' } } } },
    },
  });
  await ask('identity', 'POST', '/credentials', {
    json: {
      credential: {
        type: 'ec2',
        blob: JSON.stringify({ access: String(stamp), secret: 'b' }),
        user_id: user,
        project_id: child,
      },
    },
  });
  await ask('identity', 'GET', `/credentials?user_id=${user}`);
  await ask('identity', 'GET', `/limits?project_id=${child}`);
  await ask('identity', 'GET', `/OS-TRUST/trusts?trustor_user_id=${user}`);
  await ask('identity', 'DELETE', `/projects/${child}`);
  await ask('identity', 'DELETE', `/projects/${child}`);
  await ask('identity', 'GET', `/users/${user}`);
  await ask('identity', 'GET', `/users/${user}/application_credentials`);
  await ask('identity', 'GET', `/credentials?user_id=${user}`);
  await ask('identity', 'GET', `/role_assignments?scope.project.id=${child}`);
  await ask('identity', 'GET', `/role_assignments?effective&scope.project.id=${child}`);
  await ask('identity', 'POST', '/auth/tokens', { json: { auth: { identity: byCredential } } });
  await ask('compute', 'GET', '/servers', {
    headers: { 'X-Auth-Token': token.headers['x-subject-token'] ?? '' },
  });
  await ask('identity', 'DELETE', `/users/${user}/application_credentials/${credential}`);
  await ask('identity', 'DELETE', `/users/${user}/application_credentials/${credential}`);
  await ask('identity', 'PATCH', `/domains/${domain}`, { json: { domain: { enabled: false } } });
  await ask('identity', 'GET', `/projects/${parent}`);
  await ask('identity', 'DELETE', `/domains/${domain}`);
  await ask('identity', 'GET', `/domains/${domain}`);
  await ask('identity', 'GET', `/projects/${parent}`);
  await ask('identity', 'GET', `/users/${user}`);
  await ask('identity', 'GET', `/projects?domain_id=${domain}`);
  await ask('identity', 'GET', '/domains?name=Default');
}
