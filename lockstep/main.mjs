// What runs where the kernel is: `node main.mjs OPTIONS`. See cli.mjs for the options.
import { parseArgs } from 'node:util'
import { openKernel, openSimulation } from './backends.mjs'
import { Pair, hunt } from './hunt.mjs'
import { OPTIONS, asNumber } from './options.mjs'
import { parseProgram } from './program.mjs'
import { reportDifference } from './report.mjs'
import { setUp } from './set-up.mjs'

const NAMES = ['simulation', 'kernel']
const { values } = parseArgs({ options: OPTIONS, strict: true })
const say = values.json ? console.error : console.log
const seed = asNumber('seed', values.seed)
const started = performance.now()

const { lines, wrong } = values['sim-only']
  ? { lines: [], wrong: 0 }
  : setUp({ write: process.env.HMM_SDK_IN_VM !== undefined })
for (const line of lines) say(`set-up: ${line}`)
if (wrong > 0) say(`set-up: ${wrong} settings are not as wanted: differences may be noise`)

const pair = new Pair({
  simulation: { backend: openSimulation },
  kernel: values['sim-only'] ? { backend: openSimulation } : { backend: openKernel, reuse: true },
})
const failures = []
const onFailure = (failure) => {
  failures.push(failure)
  if (failure.number !== undefined)
    say(`program ${failure.number} of seed ${seed}, after ${failure.runs} runs:`)
  say(reportDifference(failure, NAMES))
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
  return hunt(pair, {
    count: asNumber('programs', values.programs),
    first: asNumber('first', values.first),
    seed,
    steps: asNumber('steps', values.steps),
    only: values.only?.split(','),
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
}

async function replay(program) {
  const difference = await pair.run(program)
  if (difference === undefined) return { passed: 1, failed: 0 }
  onFailure({ program, difference })
  return { passed: 0, failed: 1 }
}
