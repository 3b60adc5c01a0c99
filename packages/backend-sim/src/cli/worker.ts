/** What runs in each worker thread. */
export { runPart as default } from './run-part.js'
