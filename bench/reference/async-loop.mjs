/**
 * A scheduler of async functions as one writes it by hand: `schedules` times, starts `actors` functions
 * that wait for their turn at `points` points each, and gives turns until all have ended: to whoever of
 * those that can go on `choose(n)` says, and writes down who it was. Returns how many turns it gave.
 */
export async function asyncLoop(schedules, { actors, points, choose }) {
  let turns = 0
  for (let schedule = 0; schedule < schedules; schedule++) {
    const waiting = []
    const order = []
    let running = actors
    let stopped = () => undefined
    const turn = (actor, point) =>
      new Promise((go) => {
        waiting.push({ actor, point, go })
        stopped()
      })
    const actor = async (id) => {
      for (let point = 0; point < points; point++) await turn(id, point)
      running--
      stopped()
    }
    for (let id = 0; id < actors; id++) void actor(id)
    while (running > 0) {
      const [next] = waiting.splice(choose(waiting.length), 1)
      order.push({ actor: next.actor, point: next.point })
      await new Promise((resolve) => {
        stopped = resolve
        next.go()
      })
    }
    turns += order.length
  }
  return turns
}
