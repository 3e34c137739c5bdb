import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';

const sources = globSync('console/*.ts').map((path) => [path, readFileSync(path, 'utf8')] as const);
const page = readFileSync('console/static/index.html', 'utf8');
const made = readFileSync('console/static/console.js', 'utf8');

describe('the sources of the console', () => {
  it.each(sources)('%s has no way to run text as HTML or as a script', (_, source) => {
    expect(source).not.toMatch(
      /innerHTML|outerHTML|insertAdjacent|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\b|new Function|javascript:|setHTML/i,
    );
  });

  it.each(sources)('%s imports files of the console, and only types of others', (_, source) => {
    const imports = [...source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)';/gm)];
    for (const [statement, from = ''] of imports)
      if (!/^\.\/[a-z-]+\.ts$/.test(from))
        expect(statement.startsWith('import type ') && from).toBe('../lib/cli/shapes.ts');
    expect(source).not.toMatch(/\bimport\(|\brequire\(/);
  });

  it('send only GET requests, and keep the token only in the tab', () => {
    const all = sources.map(([, source]) => source).join('\n');
    expect(all).not.toMatch(/method:|localStorage|document\.cookie|indexedDB|sendBeacon|WebSocket/);
    expect(all.match(/sessionStorage/g)?.length).toBeGreaterThan(0);
  });

  it('are bundled in their present version: otherwise run "npm run console"', () => {
    // A separate process, because esbuild does not run inside the contexts of Jest.
    execFileSync(process.execPath, ['infra/console/build.ts', '--check'], { stdio: 'pipe' });
  });

  it('are checked for the browser, and their tests as well', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: { check: string };
    };
    expect(scripts.check).toContain('tsc -p console && tsc -p test/unit/console');
  });
});

describe('the page of the console', () => {
  it('has no inline script or style, and loads nothing from elsewhere', () => {
    for (const text of [page, made, readFileSync('console/static/console.css', 'utf8')])
      expect(text.replace('http://www.w3.org', '')).not.toMatch(
        /https?:\/\/(?!127\.0\.0\.1)|\bstyle=|@import|url\(/,
      );
    expect(page).not.toMatch(/\son[a-z]+=|<style/);
    expect(page.match(/<script[^>]*>[^<]*/g)).toEqual(['<script type="module" src="console.js">']);
  });

  it('is in the package', () => {
    const listed = execFileSync('git', ['check-ignore', '--no-index', ...FILES, 'node_modules'], {
      encoding: 'utf8',
    });
    expect(listed.trim()).toBe('node_modules');
  });
});

const FILES = ['index.html', 'console.css', 'console.js', 'icon.svg'].map(
  (name) => `console/static/${name}`,
);
