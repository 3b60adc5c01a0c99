/**
 * What a hand-written scheduler does at the least: `schedules` times, starts `actors` functions that
 * wait for their turn `points` times each, and gives turns by `choose(n)` until all have ended. Records
 * the order. Returns how many turns it gave.
 */
export async function asyncLoop(schedules, { actors, points, choose }) {
  const turn = Promise.resolve()
  let turns = 0
  for (let schedule = 0; schedule < schedules; schedule++) {
    const waiting = Array.from({ length: actors })
    const order = []
    let running = actors
    const actor = async (id) => {
      for (let point = 0; point < points; point++) {
        await new Promise((resolve) => (waiting[id] = resolve))
        turns++
      }
      running--
    }
    for (let id = 0; id < actors; id++) void actor(id)
    while (running > 0) {
      let id = choose(actors)
      while (waiting[id] === undefined) id = (id + 1) % actors
      const go = waiting[id]
      waiting[id] = undefined
      order.push(id)
      go()
      // The actor goes on with the first microtask, and stops or ends before the second.
      await turn
    }
  }
  return turns
}
