import { negotiateVersion } from '../../../lib/openstack/microversion.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';

const FAILURE_CONTEXT = { service: 'zun', region: 'one', host: 'cloud' };
const WANTED_RANGE = { header: 'container', floor: '1.32', ceiling: '1.40' };
const answer = (json: unknown, headers: Record<string, string> = {}) => ({
  json,
  headers: new Headers(headers),
  requestId: undefined,
});
/** The answer of Zun and Magnum at `/v1/`: links without versions. */
const LINKS = { id: 'v1', media_types: [], links: [], containers: [] };

const errorClassOf = (negotiation: () => unknown): string | undefined => {
  try {
    negotiation();
  } catch (error) {
    return error instanceof PropagatorError ? error.class : String(error);
  }
  return undefined;
};

describe('a service that has its versions in headers', () => {
  const versionHeaders = (lowest: string, highest: string) =>
    answer(LINKS, {
      'OpenStack-API-Minimum-Version': lowest,
      'OpenStack-API-Maximum-Version': highest,
    });

  it('is called with the highest microversion that both sides support', () => {
    expect(
      negotiateVersion(
        versionHeaders('container 1.1', 'container 1.36'),
        WANTED_RANGE,
        FAILURE_CONTEXT,
      ),
    ).toEqual({
      version: '1.36',
      path: '',
    });
    expect(
      negotiateVersion(versionHeaders('1.1', '1.51'), WANTED_RANGE, FAILURE_CONTEXT),
    ).toMatchObject({
      version: '1.40',
    });
  });

  it('is not called if it is too old or too new', () => {
    expect(
      errorClassOf(() =>
        negotiateVersion(
          versionHeaders('container 1.1', 'container 1.9'),
          WANTED_RANGE,
          FAILURE_CONTEXT,
        ),
      ),
    ).toBe('Unsupported');
    expect(
      errorClassOf(() =>
        negotiateVersion(
          versionHeaders('container 1.41', 'container 1.60'),
          WANTED_RANGE,
          FAILURE_CONTEXT,
        ),
      ),
    ).toBe('Unsupported');
  });

  it('is an error if it sends no versions', () => {
    expect(errorClassOf(() => negotiateVersion(answer(LINKS), WANTED_RANGE, FAILURE_CONTEXT))).toBe(
      'Unexpected',
    );
    expect(
      errorClassOf(() => negotiateVersion(answer({ versions: [] }), WANTED_RANGE, FAILURE_CONTEXT)),
    ).toBe('Unexpected');
  });

  it('is called with the version of its document if it also has headers', () => {
    const document = {
      versions: [
        {
          id: 'v1',
          min_version: '1.1',
          max_version: '1.38',
          links: [{ rel: 'self', href: 'http://cloud/v1/' }],
        },
      ],
    };
    expect(
      negotiateVersion(
        { ...versionHeaders('1.1', '1.40'), json: document },
        WANTED_RANGE,
        FAILURE_CONTEXT,
      ),
    ).toEqual({
      version: '1.38',
      path: 'v1',
    });
  });
});
