import type { Row } from '../state/rows'
import { hashOfMessage } from '../state/route'
import { dayOf, fullTimeOf, timeLanguage, timeOf } from '../text/time'
import { Said } from './said'

const FORMER = 'A former member'
/** Names have one of so many colours, always the same for one person. */
const HUES = 8

function noticeText(type: string, name: string): string {
  switch (type) {
    case 'room_created':
      return `${name} created the room`
    case 'member_joined':
      return `${name} joined`
    case 'member_left':
      return `${name} left`
    default:
      return `${name} owns the room now`
  }
}

interface MessageRowProps {
  row: Extract<Row, { kind: 'message' }>
  roomId: number
  isMine: boolean
  isPointed: boolean
  name: string | null
}

function MessageRow({ row, roomId, isMine, isPointed, name }: MessageRowProps) {
  const { event, date } = row
  const classes = ['message', isMine && 'mine', row.isFirst && 'first', isPointed && 'pointed']
  return (
    <li class={classes.filter(Boolean).join(' ')} data-id={event.id} tabIndex={-1}>
      <p class={`speaker hue-${event.user_id % HUES}${row.isFirst ? '' : ' unseen'}`} dir="auto">
        {name ?? FORMER}
      </p>
      <Said text={event.text ?? ''} />
      <a
        class="moment"
        href={hashOfMessage(roomId, event.id)}
        tabIndex={-1}
        title={`${fullTimeOf(date)}. Link to this message`}
        lang={timeLanguage}
      >
        <time dateTime={event.created_at}>{timeOf(date)}</time>
      </a>
    </li>
  )
}

export interface RowViewProps {
  row: Row
  roomId: number
  isMine: boolean
  isPointed: boolean
  name: string | null
  now: Date
}

export function RowView({ row, name, now, ...props }: RowViewProps) {
  switch (row.kind) {
    case 'day':
      return (
        <li class="day" lang={timeLanguage}>
          <span>{dayOf(row.date, now)}</span>
        </li>
      )
    case 'new':
      return (
        <li class="news-line">
          <span>New</span>
        </li>
      )
    case 'notice':
      return <li class="direction">{noticeText(row.event.type, name ?? FORMER)}</li>
    case 'message':
      return <MessageRow row={row} name={name} {...props} />
  }
}
