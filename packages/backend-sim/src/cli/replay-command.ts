import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseRecording, replayRecording, type ReplayedRecording } from '../explore/index.js'
import { loadTarget } from './load-target.js'
import type { Surroundings } from './surroundings.js'

export interface ReplayArguments {
  readonly target?: string
  readonly schedules: number
  readonly json?: boolean
}

/** `hmm replay`; whether something failed, in the recorded order or around it. */
export async function replayCommand(
  file: string,
  { target, schedules, json }: ReplayArguments,
  around: Surroundings,
): Promise<boolean> {
  const recording = parseRecording(await readFile(resolve(around.folder, file), 'utf8'), file)
  const { scenario, options } = await loadTarget(target ?? recording.target, around.folder)
  const replayed = await replayRecording(recording, scenario, { ...options, budget: { schedules } })
  const { failure, ...rest } = replayed
  if (json === true) {
    const { kind, message, token } = failure ?? {}
    const found = failure === undefined ? null : { kind, message, token }
    around.out(`${JSON.stringify({ hmm: 'replay', ...rest, failure: found })}\n`)
  } else around.out(`${describe(replayed)}\n`)
  return failure !== undefined
}

function describe({ followed, of, token, table, schedules, failure }: ReplayedRecording): string {
  const lines = [`followed ${followed} of ${of} calls; ${schedules} schedules in it and around it`]
  if (failure === undefined) return [...lines, '', table, '', '  no findings', '', token].join('\n')
  const { kind, message } = failure
  return [...lines, '', `${kind}: ${message}`, '', failure.table, '', failure.token].join('\n')
}
