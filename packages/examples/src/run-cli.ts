import { writeFile } from 'node:fs/promises'
import { HmmError, type HmmConfig } from '@hmm-sdk/hmm-api'
import { loadConfig } from '@hmm-sdk/hmm-api/config'
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander'
import ora from 'ora'
import { exampleConfig } from './example-config.js'
import { EXAMPLES, messageOf, runExample, type ExampleName } from './run-example.js'
import { runExploring } from './run-exploring.js'
import { runFailing } from './run-failing.js'
import { runRecording } from './run-recording.js'
import { describe } from './summary.js'

/** Where the command writes; progress is shown on a terminal only. */
export interface Output {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  readonly isTerminal: boolean
}

interface Options {
  readonly backend?: string
  readonly json?: boolean
  readonly failEveryStep?: boolean
  readonly pairs?: number
  readonly explore?: number
  readonly record?: string
  readonly seed?: number
}

/**
 * The command `hmm-examples`, with its arguments; its exit code. 0 only if all data was checked
 * and nothing leaked, 1 if not, 2 for a command line that makes no sense.
 */
export async function runCli(args: readonly string[], output: Output): Promise<number> {
  let code = 0
  const program = new Command('hmm-examples')
    .description('Runs the example drivers of the HMM SDK and checks every byte they moved.')
    .addArgument(
      new Argument('[example]', 'which one to run').choices([...EXAMPLES, 'all']).default('all'),
    )
    .option('--backend <name>', 'sim, kernel or a package; else HMM_BACKEND, hmm.config, sim')
    .option('--json', 'print one JSON object for each example, on a line of its own')
    .option('--explore <schedules>', 'on the simulation, search that many interleavings', positive)
    .option('--seed <number>', 'of what --explore chooses at random', wholeNumber)
    .option('--record <file>', 'write down the order of a race, for hmm replay; needs an example')
    .option('--fail-every-step', 'on the simulation, fail each step once, then pairs of them')
    .option('--pairs <number>', 'the most pairs to fail; all if it is large enough', wholeNumber)
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.error })
    .action(async (choice: ExampleName | 'all', options: Options) => {
      const { config } = await loadConfig(undefined)
      if (options.failEveryStep === true) checkSimulated('--fail-every-step', options.backend)
      if (options.explore !== undefined) checkSimulated('--explore', options.backend)
      const simulated = options.failEveryStep === true || options.explore !== undefined
      if (options.record !== undefined) {
        const backend = { backend: options.backend, config: exampleConfig(config) }
        if (!(await recordOne(choice, backend, options, output))) code = 1
        return
      }
      for (const example of choice === 'all' ? EXAMPLES : [choice]) {
        if (simulated) {
          if (!(await simulate(example, exampleConfig(config), options, output))) code = 1
          continue
        }
        const backend = { backend: options.backend, config: exampleConfig(config) }
        if (!(await runOne(example, backend, options.json === true, output))) code = 1
      }
    })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has said what is wrong with the command line, or printed the help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    output.error(`${messageOf(error)}\n`)
    return 1
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('It is a whole number, 0 or more.')
}

function positive(text: string): number {
  const value = wholeNumber(text)
  if (value > 0) return value
  throw new InvalidArgumentError('It is a whole number, 1 or more.')
}

function checkSimulated(option: string, backend: string | undefined): void {
  if (backend === undefined || backend === 'sim') return
  throw new HmmError('EOPNOTSUPP', {
    message: `${option} works on the simulation only, not on backend '${backend}'`,
    hint: 'Leave --backend out; on a kernel, the module has failures of its own (docs/guide/fail-every-step.md).',
  })
}

/** Explores an example, or fails its steps, or both. */
async function simulate(
  example: ExampleName,
  config: HmmConfig,
  { json, pairs, explore, seed, failEveryStep }: Options,
  output: Output,
): Promise<boolean> {
  const progress =
    output.isTerminal && json !== true ? ora(`${example}: starting`).start() : undefined
  const show = (text: string): void => {
    if (progress !== undefined) progress.text = `${example}: ${text}`
  }
  let ok = true
  const end = (summary: { readonly ok: boolean }, text: string): void => {
    progress?.stop()
    output.out(json === true ? `${JSON.stringify(summary)}\n` : `${text}\n\n`)
    ok &&= summary.ok
  }
  try {
    if (explore !== undefined) {
      const { summary, text } = await runExploring(example, explore, {
        config,
        seed,
        onProgress: ({ schedules, schedulesPerSecond, coverage }) =>
          show(
            `${schedules} schedules, ${schedulesPerSecond}/s, ${coverage.points} points, ` +
              `${coverage.racingPairs} racing pairs`,
          ),
      })
      end(summary, text)
    }
    if (failEveryStep === true) {
      const onProgress = (runs: number, of: number): void => show(`run ${runs} of ${of}`)
      const { summary, table } = await runFailing(example, { config, pairs, onProgress })
      end(summary, table)
    }
    return ok
  } finally {
    progress?.stop()
  }
}

/** Records the race of one example. */
async function recordOne(
  choice: ExampleName | 'all',
  backend: Parameters<typeof runExample>[1],
  { record: file = '', json, explore, failEveryStep }: Options,
  output: Output,
): Promise<boolean> {
  if (choice === 'all')
    throw new TypeError(`--record writes one file: name one of ${EXAMPLES.join(', ')}`)
  if (explore !== undefined || failEveryStep === true) {
    throw new TypeError('--record runs a race once: leave --explore and --fail-every-step out')
  }
  const { summary, text } = await runRecording(choice, backend)
  await writeFile(file, text)
  const { calls, backend: name, error } = summary
  const lines = [
    `${file}: ${calls} calls of ${choice} on backend '${name}'; npx hmm replay ${file}`,
    ...(error === undefined ? [] : [`the scenario failed: ${error}`]),
  ]
  output.out(`${json === true ? JSON.stringify({ ...summary, file }) : lines.join('\n')}\n`)
  return summary.ok
}

async function runOne(
  example: ExampleName,
  backend: Parameters<typeof runExample>[1],
  json: boolean,
  output: Output,
): Promise<boolean> {
  const progress = output.isTerminal && !json ? ora(`${example}: starting`).start() : undefined
  try {
    const { summary, steps } = await runExample(example, backend, (step) => {
      if (progress !== undefined) progress.text = `${example}: ${step}`
    })
    progress?.stop()
    output.out(`${json ? JSON.stringify(summary) : `${describe(summary, steps)}\n`}\n`)
    return summary.ok
  } finally {
    progress?.stop()
  }
}
