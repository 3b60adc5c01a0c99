import { loadConfig } from '@hmm-sdk/hmm-api/config'
import { Argument, Command, CommanderError } from 'commander'
import ora from 'ora'
import { exampleConfig } from './example-config.js'
import { EXAMPLES, messageOf, runExample, type ExampleName } from './run-example.js'
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
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.error })
    .action(async (choice: ExampleName | 'all', options: Options) => {
      const { config } = await loadConfig(undefined)
      for (const example of choice === 'all' ? EXAMPLES : [choice]) {
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
