import { buildPath } from '../../../lib/openstack/url.ts';

const HOST = 'https://neutron.example.org:9696';
const build = (endpoint: string, path: string, query?: Parameters<typeof buildPath>[3]): string =>
  buildPath(new URL(HOST), endpoint, path, query);

describe('the path of a call', () => {
  it.each([
    ['', '/v2.0/ports', '/v2.0/ports'],
    ['/', '/v2.0/ports', '/v2.0/ports'],
    ['/v2.0', '/v2.0/ports', '/v2.0/ports'],
    ['/network/v2.0/', '/v2.0/ports', '/network/v2.0/ports'],
    ['/v3', '/v2.0/ports', '/v2.0/ports'],
    ['/v3/4f1c', '/volumes', '/v3/4f1c/volumes'],
    ['/v3/4f1c', '/v3/volumes', '/v3/4f1c/v3/volumes'],
    ['/v1/AUTH_4f1c', '', '/v1/AUTH_4f1c'],
    ['/v1', '?format=json', '/v1?format=json'],
    ['/v1', '?v1=x', '/v1?v1=x'],
    ['', '', '/'],
    ['', '?format=json', '/?format=json'],
    ['/v1/AUTH_4f1c', '/box/..', '/v1/AUTH_4f1c/box/..'],
  ])('at the endpoint %j with the path %j is %j', (endpointPath, path, expected) => {
    expect(build(`${HOST}${endpointPath}`, path)).toBe(expected);
  });

  it('ends with the parameters that have a value, each escaped', () => {
    const query = { limit: 2, all: true, marker: undefined, name: '', 'a b': 'ü&=' };
    const parameters = 'limit=2&all=true&name=&a%20b=%C3%BC%26%3D';
    expect(build(HOST, '/ports', query)).toBe(`/ports?${parameters}`);
    expect(build(HOST, '/ports?x=1', query)).toBe(`/ports?x=1&${parameters}`);
    expect(build(HOST, '/ports', { marker: undefined })).toBe('/ports');
    expect(build(HOST, '/ports', {})).toBe('/ports');
  });

  it.each([
    ['https://other.example.org:9696', '/ports', /must not go to other\.example\.org:9696/],
    ['https://other.example.org:9696', 'ports', /must not go to other\.example\.org:9696/],
    ['http://neutron.example.org:9696', '/ports', /must not go to neutron/],
    [HOST, 'ports', /a path must begin with a slash/],
  ])('at %j with the path %j is refused', (endpoint, path, message) => {
    expect(() => build(endpoint, path)).toThrow(message);
  });
});
