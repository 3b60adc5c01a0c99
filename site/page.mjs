// The page: editors for the files of the guide, and buttons that run them in a worker.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import {
  bracketMatching,
  defaultHighlightStyle,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language'
import { EditorState } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'

const look = [lineNumbers(), javascript(), syntaxHighlighting(defaultHighlightStyle)]
/** File name -> editor. */
const editors = new Map()

for (const figure of document.querySelectorAll('figure.file')) {
  const source = figure.querySelector('pre')
  const original = source.textContent.trimEnd()
  const view = new EditorView({
    state: EditorState.create({
      doc: original,
      extensions: [
        ...look,
        history(),
        bracketMatching(),
        indentUnit.of('  '),
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        EditorView.contentAttributes.of({ 'aria-label': figure.dataset.file }),
      ],
    }),
  })
  source.replaceWith(view.dom)
  editors.set(figure.dataset.file, view)
  const undo = document.createElement('button')
  undo.textContent = 'Reset'
  undo.className = 'reset'
  undo.addEventListener('click', () => replace(view, original))
  figure.querySelector('figcaption').append(undo)
}

for (const figure of document.querySelectorAll('figure.change')) {
  const { file } = figure.dataset
  const text = figure.querySelector('pre').textContent.trimEnd()
  const view = new EditorView({
    state: EditorState.create({ doc: text, extensions: [...look, EditorState.readOnly.of(true)] }),
  })
  figure.querySelector('pre').replaceWith(view.dom)
  figure.querySelector('button').addEventListener('click', () => replace(editors.get(file), text))
}

const workerUrl = URL.createObjectURL(
  new Blob([document.getElementById('worker').textContent], { type: 'text/javascript' }),
)

for (const figure of document.querySelectorAll('figure.output')) {
  const button = figure.querySelector('button')
  const status = figure.querySelector('.status')
  const output = figure.querySelector('pre')
  const label = button.textContent
  let worker
  const stop = (text, state) => {
    worker?.terminate()
    worker = undefined
    button.textContent = label
    status.textContent = text
    figure.dataset.state = state
  }
  button.addEventListener('click', () => {
    if (worker !== undefined) return stop('stopped', 'stopped')
    const files = Object.fromEntries(
      [...editors].map(([name, view]) => [name, view.state.doc.toString()]),
    )
    output.textContent = ''
    button.textContent = 'Stop'
    status.textContent = 'running'
    figure.dataset.state = 'running'
    worker = new Worker(workerUrl)
    worker.addEventListener('message', ({ data }) => {
      if (data.type === 'print') output.textContent += `${data.text}\n`
      else if (data.type === 'progress') status.textContent = data.text
      else stop(data.text, data.failed ? 'failed' : 'passed')
    })
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      output.textContent += `${event.message}\n`
      stop('failed', 'failed')
    })
    worker.postMessage({ files, run: figure.dataset.run })
  })
}
function replace(view, text) {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
}

// The editors and buttons are there: for tests, and for those who look whether the page is alive.
document.documentElement.dataset.ready = 'true'
