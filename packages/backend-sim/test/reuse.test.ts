// Simulations use the buffers of earlier ones, which were closed. Nobody may notice.
import * as reusing from '@hmm-sdk/backend-sim'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { anyKind, anyWork, RandomWork, type Copy } from './random-work.js'

// A copy of the package of its own. None of its simulations is closed, so each has fresh buffers.
vi.resetModules()
const fresh: Copy = await import('@hmm-sdk/backend-sim')

const RUNS = Number(process.env['HMM_PROGRAMS'] ?? 40)
/** Milliseconds; most of it for machines that are busy. */
const LIMIT = 120_000

test(
  'a simulation is the same, whatever was done in those that were closed before',
  async () => {
    expect(fresh.createBackend).not.toBe(reusing.createBackend)
    const earlier = fc.array(fc.tuple(anyKind, anyWork), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(earlier, anyKind, anyWork, async (before, kind, steps) => {
        const expected = await RandomWork.begin(fresh, kind)
        for (const step of steps) await expected.step(step)

        const closed: RandomWork[] = []
        for (const [other, work] of before) {
          const first = await RandomWork.begin(reusing, other)
          for (const step of work) await first.step(step)
          await first.backend.close()
          closed.push(first)
        }
        const second = await RandomWork.begin(reusing, kind)
        for (const [at, step] of steps.entries()) {
          // Those that are closed are closed: nothing that is tried with them comes through either.
          await closed[at % closed.length]!.step(step).catch(() => undefined)
          await second.step(step)
        }
        // As strings: of long lists a comparison that can tell where they differ takes its time.
        expect(second.log.join('\n')).toBe(expected.log.join('\n'))
        await second.backend.close()
      }),
      { numRuns: RUNS, seed: 11 },
    )
  },
  LIMIT,
)
