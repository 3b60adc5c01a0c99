import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const flowForgotten: BrokenBackend = {
  name: 'flow-forgotten',
  breaks: 'a trace does not say which device fault a map was for',
  caughtBy: 'mirror/flow/map',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: (request, wait) => mirror.map(request, { ...wait, flow: undefined }),
      }),
    }),
}
