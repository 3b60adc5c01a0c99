import { describeFailure, replay } from '../explore/index.js'
import { loadTarget } from './load-target.js'
import type { Surroundings } from './surroundings.js'

/** `hmm replay module#name TOKEN`; whether the schedule of the token still fails. */
export async function replayTokenCommand(
  target: string,
  token: string,
  { json }: { readonly json?: boolean },
  around: Surroundings,
): Promise<boolean> {
  const { scenario, options } = await loadTarget(target, around.folder)
  const failure = await replay(token, scenario, options)
  if (json === true) {
    const { kind, message, table } = failure ?? {}
    const found = failure === undefined ? null : { kind, message, table, token }
    around.out(`${JSON.stringify({ hmm: 'replay', failure: found })}\n`)
  } else if (failure === undefined) around.out(`${target} passes in this schedule\n`)
  else around.out(describeFailure(target, failure))
  return failure !== undefined
}
