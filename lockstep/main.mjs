// What runs where the kernel is: `node main.mjs OPTIONS`. See cli.mjs for the options.
import { release } from 'node:os'
import { parseArgs } from 'node:util'
import { openKernel, openSimulation, thpOf } from './backends.mjs'
import { ExpectedSide } from './expected-side.mjs'
import { readExpectations } from './expect.mjs'
import { Pair, hunt, numberedPrograms } from './hunt.mjs'
import { OPTIONS, asNumber, whichPrograms } from './options.mjs'
import { profileOf } from './profile.mjs'
import { parseProgram } from './program.mjs'
import { reportDifference } from './report.mjs'
import { setUp } from './set-up.mjs'

const NAMES = ['simulation', 'kernel']
const { values } = parseArgs({ options: OPTIONS, strict: true })
const say = values.json ? console.error : console.log
const seed = asNumber('seed', values.seed)
const started = performance.now()

const which = whichPrograms(values)
const profile = profileOf(values['sim-only'] ? values.profile : release(), which)
const { lines, wrong } = values['sim-only']
  ? { lines: [], wrong: 0 }
  : setUp({ write: process.env.HMM_SDK_IN_VM !== undefined, thp: thpOf(profile) })
for (const line of lines) say(`set-up: ${line}`)
if (wrong > 0) say(`set-up: ${wrong} settings are not as wanted: differences may be noise`)

const simulated = { backend: () => openSimulation(profile) }
const real = { backend: () => openKernel(profile), reuse: true }
const pair = new Pair(
  { simulation: simulated, kernel: values['sim-only'] ? simulated : real },
  which,
)
const failures = []
const onFailure = (failure) => {
  failures.push(failure)
  if (failure.number !== undefined)
    say(`program ${failure.number} of seed ${seed}, after ${failure.runs} runs:`)
  say(reportDifference(failure, NAMES, which))
}

const totals =
  values.replay === undefined ? await search() : await replay(parseProgram(values.replay))
await pair.close()
const seconds = (performance.now() - started) / 1000
if (values.json) console.log(JSON.stringify({ ...totals, seed, seconds, failures }))
else say(`${totals.passed + totals.failed} programs in ${seconds.toFixed(1)} s`)
say(`${totals.passed} passed, ${totals.failed} failed, 0 skipped`)
// A hanging step may keep something alive.
process.exit(totals.failed > 0 ? 1 : 0)

async function search() {
  let told = performance.now()
  const expected =
    values.expected === undefined
      ? undefined
      : new ExpectedSide(real.backend, which, (error) =>
          say(`it broke off: ${error?.stack ?? error}`),
        )
  const source =
    expected === undefined ? numberedPrograms(which) : readExpectations(values.expected)
  const totals = await hunt(pair, source, {
    ...which,
    ...(expected === undefined ? {} : { suspect: (entry) => expected.suspect(entry) }),
    shrinkSeconds: asNumber('shrink-seconds', values['shrink-seconds']),
    maxFailures: asNumber('max-failures', values['max-failures']),
    onFailure,
    onProgress: ({ number, passed, failed }) => {
      if (performance.now() - told < 10_000) return
      told = performance.now()
      say(
        `program ${number}: ${passed} passed, ${failed} failed, ${((told - started) / 1000).toFixed(0)} s`,
      )
    },
  })
  await expected?.close()
  return totals
}

async function replay(program) {
  const difference = await pair.run(program)
  if (difference === undefined) return { passed: 1, failed: 0 }
  onFailure({ program, difference })
  return { passed: 0, failed: 1 }
}
