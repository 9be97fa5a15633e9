// What not every conversation has, in one file that comes after the first load: see parts.ts.
export { default as Attached } from './Attached'
export { default as ChatMenu } from './ChatMenu'
export { About, Files } from './ComposerParts'
export { CardView, Reactions, Rich } from './MessageParts'
