#!/usr/bin/env node
import { loadConfig } from '@hmm-sdk/hmm-api/config'
import { Argument, Command } from 'commander'
import ora from 'ora'
import { exampleConfig } from './example-config.js'
import { EXAMPLES, messageOf, runExample, type ExampleName } from './run-example.js'
import { describe } from './summary.js'

interface Options {
  readonly backend?: string
  readonly json?: boolean
}

async function main(choice: ExampleName | 'all', options: Options): Promise<void> {
  const user = await loadConfig(undefined)
  const config = exampleConfig(user.config)
  for (const example of choice === 'all' ? EXAMPLES : [choice]) {
    const showsProgress = process.stderr.isTTY && options.json !== true
    const progress = showsProgress ? ora(`${example}: starting`).start() : undefined
    try {
      const { summary, steps } = await runExample(
        example,
        { backend: options.backend, config },
        (step) => void (progress && (progress.text = `${example}: ${step}`)),
      )
      progress?.stop()
      if (!summary.ok) process.exitCode = 1
      console.log(options.json ? JSON.stringify(summary) : `${describe(summary, steps)}\n`)
    } finally {
      progress?.stop()
    }
  }
}

const program = new Command('hmm-examples')
  .description('Runs the example drivers of the HMM SDK and checks every byte they moved.')
  .addArgument(
    new Argument('[example]', 'which one to run').choices([...EXAMPLES, 'all']).default('all'),
  )
  .option('--backend <name>', 'sim, kernel, or a package (default: HMM_BACKEND, hmm.config, sim)')
  .option('--json', 'print one JSON object for each example, on a line of its own')
  .action(main)

try {
  await program.parseAsync()
} catch (error) {
  console.error(messageOf(error))
  process.exitCode = 1
}
