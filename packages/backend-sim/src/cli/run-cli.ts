import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { describeResult } from './describe-result.js'
import { loadTarget } from './load-target.js'
import { mergeParts, type MergedResult } from './merge-parts.js'
import { recordCommand, type RecordArguments } from './record-command.js'
import { replayCommand, type ReplayArguments } from './replay-command.js'
import { replayTokenCommand } from './replay-token-command.js'
import { partsProgress } from './parts-progress.js'
import { parsePart, type PartResult, type Plan } from './part-result.js'
import type { Surroundings } from './surroundings.js'
import { inThisThread, inThreads, runParts } from './run-parts.js'

/** Parts of an exploration unless told otherwise: more than most machines have cores, since some are larger than others. */
const PARTS = 32

interface Shard {
  readonly index: number
  readonly count: number
}

interface ExploreArguments {
  readonly schedules: number
  readonly seed: number
  readonly workers: number
  readonly parts?: number
  readonly shard: Shard
  readonly json?: boolean
}

/**
 * The command `hmm`; its exit code: 0 if nothing was found, 1 for a finding, 2 for a command line
 * or files that make no sense.
 */
export async function runCli(args: readonly string[], around: Surroundings): Promise<number> {
  let code = 0
  const program = new Command('hmm')
    .description('Explores the interleavings of drivers written for the HMM SDK.')
    .exitOverride()
    .configureOutput({ writeOut: around.out, writeErr: around.error })
  program
    .command('explore')
    .description('run a scenario under many schedules, on all cores')
    .argument('<module#name>', 'file.ts#name, package/path#name or a file: URL with #name')
    .option('--schedules <number>', 'schedules to run, all parts together', count, 10_000)
    .option('--seed <number>', 'of what is chosen at random', whole, 1)
    .option('--workers <number>', 'worker threads', count, availableParallelism())
    .option('--parts <number>', `parts the schedules are cut into (default: ${PARTS})`, count)
    .option('--shard <i/n>', 'only the i-th of n shares of the parts, from 0', shard, whole01)
    .option('--json', 'print one line of JSON for each part, and for all if this is all')
    .action(async (target: string, options: ExploreArguments) => {
      if (await exploreCommand(target, options, around)) code = 1
    })
  program
    .command('record')
    .description(
      'run a scenario once on a backend, and write down in which order its calls came back',
    )
    .argument('<module#name>', 'as for explore')
    .requiredOption('--out <file>', 'where to write the recording')
    .option('--backend <name>', 'kernel, sim or a package; else HMM_BACKEND, hmm.config, sim')
    .action(async (target: string, options: RecordArguments) => {
      if (await recordCommand(target, options, around)) code = 1
    })
  program
    .command('replay')
    .description('run a failing schedule again: of a token, or of a recording and around it')
    .argument('<file>', 'what hmm record wrote; with a token: module#name, as for explore')
    .argument('[token]', 'what hmm explore or a race test printed')
    .option('--target <module#name>', 'the scenario, if it is not where it was when recorded')
    .option('--schedules <number>', 'schedules to run, with those around it', count, 1000)
    .option('--json', 'print one line of JSON')
    .action(async (file: string, token: string | undefined, options: ReplayArguments) => {
      if (token === undefined && file.includes('#')) {
        throw new TypeError(
          `replay: '${file}' is a scenario, and needs a token: hmm replay '${file}' TOKEN`,
        )
      }
      const failed =
        token === undefined
          ? await replayCommand(file, options, around)
          : await replayTokenCommand(file, token, options, around)
      if (failed) code = 1
    })
  program
    .command('merge')
    .description('put the results of shards together')
    .argument('<files...>', 'what hmm explore --shard i/n --json printed')
    .option('--json', 'print one line of JSON')
    .action(async (files: string[], options: { readonly json?: boolean }) => {
      const parts = (await Promise.all(files.map(readParts))).flat()
      const merged = mergeParts(parts)
      print(merged, options.json === true, around)
      if (merged.failure !== null) code = 1
    })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has said what is wrong with the command line, or printed the help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    around.error(`hmm: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
}

/** Whether it found something. */
async function exploreCommand(
  target: string,
  { schedules, seed, workers, parts, shard: { index, count: shards }, json }: ExploreArguments,
  around: Surroundings,
): Promise<boolean> {
  const plan: Plan = { target, schedules, parts: parts ?? Math.min(PARTS, schedules), seed }
  if (plan.parts > schedules) {
    throw new TypeError(`${plan.parts} parts are more than ${schedules} schedules`)
  }
  if (shards > plan.parts) {
    const hint = `give every shard the same --parts of at least ${shards}`
    throw new TypeError(`${shards} shards are more than ${plan.parts} parts; ${hint}`)
  }
  // What is wrong with it is said once, not by every thread.
  await loadTarget(target, around.folder)
  const runner =
    workers === 1 ? inThisThread : await inThreads(Math.min(workers, plan.parts), around.worker)
  let found = false
  try {
    const share = Math.ceil((plan.parts - index) / shards)
    const progress = around.progress && partsProgress(plan, share, around.progress)
    const results = await runParts(runner, plan, around.folder, { index, count: shards }, (one) => {
      found ||= one.failure !== null
      progress?.(one)
      if (json === true) around.out(`${JSON.stringify(one)}\n`)
    })
    around.progress?.('')
    // The parts of a shard are not all there are: merge says what they come to.
    if (shards === 1) print(mergeParts(results), json === true, around)
    else if (json !== true) around.out(describeShard(results, index, shards))
  } finally {
    await runner.close()
  }
  return found
}

function describeShard(results: readonly PartResult[], index: number, shards: number): string {
  const schedules = results.reduce((sum, each) => sum + each.schedules, 0)
  const failures = results.filter(({ failure }) => failure !== null).length
  return (
    `shard ${index}/${shards}: ${results.length} parts, ${schedules} schedules, ` +
    `${failures} with a finding; print --json and merge the shards\n`
  )
}

function print(merged: MergedResult, json: boolean, { out }: Surroundings): void {
  out(json ? `${JSON.stringify(merged)}\n` : `${describeResult(merged)}\n`)
}

async function readParts(file: string): Promise<PartResult[]> {
  const lines = (await readFile(file, 'utf8')).split('\n')
  return lines.flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('{"hmm":"exploration"')) return []
    return [parsePart(line, `${file}:${index + 1}`)]
  })
}

const whole01: Shard = { index: 0, count: 1 }

function whole(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError('It is a whole number, 0 or more.')
}

function count(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It is a whole number, 1 or more.')
}

function shard(text: string): Shard {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text) ?? []
  const given = { index: Number(index), count: Number(of) }
  if (given.count > 0 && given.index < given.count) return given
  throw new InvalidArgumentError('It is i/n with i from 0 to n-1, such as 0/8.')
}
