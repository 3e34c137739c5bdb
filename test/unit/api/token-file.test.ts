import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { openTokenFile } from '../../../lib/api/token-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'api-token-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the token file', () => {
  it('is created once with a token of 256 bits, readable only by its owner', () => {
    const path = join(folder, 'new', 'data', 'api-token');
    const createdToken = openTokenFile(path);
    expect(createdToken).toEqual({
      name: userInfo().username,
      token: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect([statSync(path).mode & 0o777, statSync(join(folder, 'new')).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
    expect(readFileSync(path, 'utf8')).toBe(`${createdToken.token}\n`);
    expect(openTokenFile(path)).toEqual(createdToken);
    expect(openTokenFile(join(folder, 'other')).token).not.toBe(createdToken.token);
  });

  it('leaves nothing else in the folder', () => {
    openTokenFile(join(folder, 'api-token'));
    expect(readdirSync(folder)).toEqual(['api-token']);
  });

  it.each([0o644, 0o640, 0o660, 0o602])(
    'stops the start if others may read or change it: mode %o',
    (mode) => {
      const path = join(folder, 'api-token');
      const { token } = openTokenFile(path);
      chmodSync(path, mode);
      expect(() => openTokenFile(path)).toThrow(
        `PROPAGATOR_API_TOKEN_FILE: other users can read or change ${path}; run: chmod 600 ${path}`,
      );
      chmodSync(path, 0o600);
      expect(openTokenFile(path).token).toBe(token);
    },
  );

  it.each(['', 'short', `two words ${'x'.repeat(40)}`, 'x'.repeat(500)])(
    'stops the start if it holds no token, and its content is not repeated',
    (content) => {
      const path = join(folder, 'api-token');
      writeFileSync(path, content, { mode: 0o600 });
      expect(() => openTokenFile(path)).toThrow(
        `${path} contains no token; delete the file, and the next start creates a new one`,
      );
    },
  );

  it('stops the start if it cannot be created, and the error names the settings', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => openTokenFile(join(folder, 'file', 'api-token'))).toThrow(
      /api-token cannot be created \(E\w+\).*PROPAGATOR_API_TOKENS/,
    );
  });
});
