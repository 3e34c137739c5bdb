import { commandLine } from './command-line.ts';

describe('stop-all and resume-all', () => {
  it('store the decision with the name of the caller; status and audit show it', async () => {
    const { engine, type } = commandLine();
    expect((await type('status')).out).not.toContain('STOPPED');
    const stopped = await type('stop-all --reason "deleted by mistake"');
    expect(stopped).toMatchObject({ code: 0, err: '' });
    expect(stopped.out).toContain('Undo: propagator resume-all --reason');
    expect(await engine.reads.stopDecision()).toMatchObject({
      what: 'stopped',
      by: 'ann',
      reason: 'deleted by mistake',
    });
    expect((await type('status')).out).toMatch(
      /^ALL DESTRUCTIVE WORK IS STOPPED since \S+ by ann: deleted by mistake$/m,
    );
    expect((await type('resume-all --reason corrected')).code).toBe(0);
    expect((await type('status')).out).not.toContain('STOPPED');
    expect((await type('audit stops')).out).toMatch(
      /resumed +ann +corrected[\s\S]*stopped +ann +deleted by mistake/,
    );
  });

  it('are wrong usage without a reason', async () => {
    const { engine, type } = commandLine();
    expect(await type('stop-all')).toMatchObject({ code: 64 });
    expect(await engine.reads.stopDecision()).toBeUndefined();
  });
});
