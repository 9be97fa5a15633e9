// What is sent besides words and files, in one file that comes when a chat has been opened and nothing else is to be done:
// see more.ts.
export { default as PersonDialog } from './PersonDialog'
export { default as PlaceDialog } from './PlaceDialog'
export { default as VoiceBar } from './VoiceBar'
