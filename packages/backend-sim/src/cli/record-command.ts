import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { withBackend } from '@hmm-sdk/hmm-api'
import { formatRecording, record } from '../explore/index.js'
import { loadTarget } from './load-target.js'
import type { Surroundings } from './surroundings.js'

export interface RecordArguments {
  readonly out: string
  readonly backend?: string
}

/** `hmm record`; whether the scenario failed. */
export async function recordCommand(
  target: string,
  { out, backend }: RecordArguments,
  around: Surroundings,
): Promise<boolean> {
  const { scenario, options } = await loadTarget(target, around.folder)
  const config = {
    ...(options.devices === undefined ? {} : { devices: options.devices }),
    sim: options.simulation ?? {},
  }
  const recording = await withBackend((opened) => record(scenario, opened, target), {
    config,
    backend,
  })
  await writeFile(resolve(around.folder, out), formatRecording(recording))
  const { calls, error } = recording
  around.out(`${out}: ${calls.length} calls on backend '${recording.backend}'\n`)
  if (error !== undefined) around.out(`the scenario failed: ${error}\n`)
  return error !== undefined
}
