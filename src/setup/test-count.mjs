/**
 * Counts the tests in what vitest's JSON reporter wrote. A file that failed without a failed test in it (it
 * could not be loaded), a run without tests, and a run that vitest itself calls failed for another reason
 * (an unhandled error) are problems of their own, so that no failure is counted as none.
 * @param {string} text
 * @param {boolean} vitestOk whether vitest ended with 0
 * @returns {{ passed: number, failed: number, problems: string[] }}
 */
export function countTests(text, vitestOk) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { passed: 0, failed: 0, problems: ['vitest left no results'] };
  }
  const passed = report.numPassedTests;
  const failed = report.numFailedTests;
  const problems = report.testResults
    .filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    )
    .map((file) => `${file.name} could not be run: ${firstLine(file.message)}`);
  if (passed + failed === 0 && problems.length === 0) problems.push('no test ran');
  if (!vitestOk && failed + problems.length === 0)
    problems.push('vitest reports an error outside of any test');
  return { passed, failed, problems };
}

function firstLine(message) {
  return (message ?? '').split('\n')[0] || 'no reason given';
}
