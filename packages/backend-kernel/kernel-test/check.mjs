/** A runner for the tests that run in the guest: one line per test, and the closing line. */
const counts = { passed: 0, failed: 0, skipped: 0 }

class Skipped extends Error {}

/** Ends the test that runs: it cannot be run here, for that reason. */
export function skip(reason) {
  throw new Skipped(reason)
}

export async function test(name, work) {
  const start = performance.now()
  try {
    await work()
    counts.passed += 1
    console.log(`ok ${name} (${Math.round(performance.now() - start)} ms)`)
  } catch (error) {
    if (error instanceof Skipped) {
      counts.skipped += 1
      console.log(`skip ${name}: ${error.message}`)
      return
    }
    counts.failed += 1
    console.log(`not ok ${name}\n  ${String(error?.stack ?? error).replaceAll('\n', '\n  ')}`)
  }
}

export function finish() {
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}
