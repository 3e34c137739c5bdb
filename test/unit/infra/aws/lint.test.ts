import { linesToReport } from '../../../../infra/aws/lint/lint.ts';

describe('the check of the template with cfn-lint and checkov', () => {
  const finding = { rule: 'CKV_AWS_1', resource: 'Table', message: 'no backup' };

  it('reports a finding that is not accepted, and an accepted rule without findings', () => {
    expect(linesToReport('checkov', [finding], {})).toEqual(['checkov CKV_AWS_1 Table: no backup']);
    expect(linesToReport('checkov', [finding], { CKV_AWS_1: 'because' })).toEqual([]);
    expect(linesToReport('checkov', [], { CKV_AWS_1: 'because' })).toEqual([
      'checkov CKV_AWS_1 has no findings: remove it from baseline.json',
    ]);
  });
});
