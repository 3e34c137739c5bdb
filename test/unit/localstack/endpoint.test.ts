import { endpointForTests } from '../../../localstack/endpoint.ts';

describe('the endpoint of a suite that creates and removes a stage', () => {
  it.each([
    ['http://127.0.0.1:4566', 'http://127.0.0.1:4566'],
    ['http://localhost:4566/', 'http://localhost:4566'],
    ['http://[::1]:4566', 'http://[::1]:4566'],
  ])('may be on this machine: %s', (AWS_ENDPOINT_URL, used) => {
    expect(endpointForTests({ AWS_ENDPOINT_URL })).toBe(used);
  });

  it.each([
    'https://cloudformation.eu-central-1.amazonaws.com',
    'https://vpce-1.cloudformation.eu-central-1.vpce.amazonaws.com',
    'http://127.0.0.1.example.org:4566',
    'http://192.0.2.1:4566',
    'http://127.0.0.1@example.org',
    '127.0.0.1:4566',
    'ftp://127.0.0.1',
  ])('is refused beyond this machine: %s', (AWS_ENDPOINT_URL) => {
    expect(() => endpointForTests({ AWS_ENDPOINT_URL })).toThrow(
      `AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL}: the suite runs only on an emulator on this machine`,
    );
  });

  it('is undefined if the variable names none, so that the suite starts its own emulator', () => {
    expect(endpointForTests({})).toBeUndefined();
    expect(endpointForTests({ AWS_ENDPOINT_URL: '' })).toBeUndefined();
  });
});
