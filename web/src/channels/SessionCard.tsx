// One number: its state in a word, its health in figures, and the one thing to do.
import { useMutation } from '@tanstack/react-query'
import { CircleAlert, CircleCheck, CirclePause, Ellipsis, LoaderCircle, Pencil, Unlink } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useTranslation } from '@/i18n'
import { dateAndTime, full, number, span } from '@/i18n/format'
import { api, body } from '@/api/client'
import type { Page as Rows, WhatsappSession } from '@/api/model'
import { queries } from '@/api/queries'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Address } from '@/ui/Address'
import { Button, IconButton } from '@/ui/Button'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { cx } from '@/ui/cx'
import { Confirm, Dialog } from '@/ui/Dialog'
import { Field, Input, Switch } from '@/ui/Field'
import { Menu, MenuItem, MenuLine } from '@/ui/Menu'
import { useNow } from '@/ui/useNow'
import { type Condition, conditionOf, type Deed, type Tone } from './condition'

type Change = { desired?: 'running' | 'stopped'; name?: string; groups?: boolean }

/** The answer is the row as it is now; its event may have come first. */
function keep(row: WhatsappSession) {
  queries.setQueryData(keys.sessions, (held: Rows<WhatsappSession> | undefined) =>
    held && { ...held, items: held.items.map((item) => (item.id === row.id ? row : item)) },
  )
}

function useDeeds(session: WhatsappSession) {
  const path = { id: session.id }
  const change = useMutation({
    mutationFn: (body_: Change): Promise<WhatsappSession> => body(api.PATCH('/api/v1/whatsapp-sessions/{id}', { params: { path }, body: body_ })),
    onSuccess: keep,
    onError: complain,
  })
  const unlink = useMutation({
    mutationFn: (): Promise<WhatsappSession> => body(api.POST('/api/v1/whatsapp-sessions/{id}/unlink', { params: { path } })),
    onSuccess: keep,
    onError: complain,
  })
  return { change, unlink }
}

export function SessionCard({ session, admin, onLink }: { session: WhatsappSession; admin: boolean; onLink: () => void }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const condition = conditionOf(session, now)
  const { change, unlink } = useDeeds(session)
  const [asking, setAsking] = useState<'unlink' | 'rename' | null>(null)
  const act = (deed: Deed) => {
    if (deed === 'link' || deed === 'relink') onLink()
    else change.mutate({ desired: deed === 'pause' ? 'stopped' : 'running' })
  }
  return (
    <li
      data-testid="session"
      data-word={condition.word}
      aria-label={session.name}
      className={cx('rounded border border-s-[3px] p-4', condition.tone === 'alarm' ? 'border-s-lamp' : 'border-s-line-strong')}
    >
      <div className="flex items-start gap-3">
        <ChannelIcon channel="whatsapp" className="mt-0.5 size-5 text-ink-3" />
        <div className="min-w-0 flex-1">
          <h3 className="truncate text-base font-semibold">
            <bdi>{session.name}</bdi>
          </h3>
          {session.phone && (
            <p className="truncate text-sm text-ink-2">
              <Address>{session.phone}</Address>
              {session.push_name && (
                <>
                  {' '}
                  · <bdi>{session.push_name}</bdi>
                </>
              )}
            </p>
          )}
        </div>
        {admin && (
          <div className="flex shrink-0 items-center gap-1">
            {condition.deed && condition.tone !== 'alarm' && (
              <Button kind={condition.deed === 'link' ? 'primary' : 'secondary'} disabled={change.isPending} onClick={() => act(condition.deed!)}>
                {t(`whatsapp.d_${condition.deed}`)}
              </Button>
            )}
            <More session={session} onRename={() => setAsking('rename')} onUnlink={() => setAsking('unlink')} />
          </div>
        )}
      </div>
      <State session={session} condition={condition} now={now}>
        {admin && condition.deed && (
          <Button className="mt-3" disabled={change.isPending} onClick={() => act(condition.deed!)}>
            {t(`whatsapp.d_${condition.deed}`)}
          </Button>
        )}
      </State>
      {session.phone && <Health session={session} now={now} admin={admin} />}
      {session.phone && (
        <div className="mt-4 flex items-center gap-3 border-t pt-3">
          <p className="min-w-0 flex-1 text-sm">{t('whatsapp.groups')}</p>
          <Switch
            label={t('whatsapp.groups_of', { name: session.name })}
            checked={session.groups}
            disabled={!admin || change.isPending}
            onChange={(groups) => change.mutate({ groups })}
          />
        </div>
      )}
      <Confirm
        open={asking === 'unlink'}
        onClose={() => setAsking(null)}
        onConfirm={() => unlink.mutate()}
        title={t('whatsapp.unlink_title', { name: session.name })}
        description={t('whatsapp.unlink_help')}
        confirm={t('whatsapp.unlink')}
      />
      {asking === 'rename' && <Rename session={session} onClose={() => setAsking(null)} onName={(name) => change.mutate({ name })} />}
    </li>
  )
}

function More({ session, onRename, onUnlink }: { session: WhatsappSession; onRename: () => void; onUnlink: () => void }) {
  const { t } = useTranslation()
  return (
    <Menu align="end" trigger={<IconButton label={t('whatsapp.more', { name: session.name })} icon={<Ellipsis className="size-4" />} />}>
      <MenuItem icon={<Pencil className="size-4" />} onSelect={onRename}>
        {t('whatsapp.rename')}
      </MenuItem>
      {session.phone && session.desired !== 'unlinked' && (
        <>
          <MenuLine />
          <MenuItem danger icon={<Unlink className="size-4" />} onSelect={onUnlink}>
            {t('whatsapp.unlink')}
          </MenuItem>
        </>
      )}
    </Menu>
  )
}

const signs: Record<Tone, typeof CircleCheck> = { calm: CircleCheck, busy: LoaderCircle, resting: CirclePause, alarm: CircleAlert }

/** The word; where somebody is needed, also why and what to do (the children). */
function State({ session, condition, now, children }: { session: WhatsappSession; condition: Condition; now: number; children: ReactNode }) {
  const { t } = useTranslation()
  const Sign = signs[condition.tone]
  const alarm = condition.tone === 'alarm'
  const help = useHelp(session, condition, now)
  return (
    <div className={cx('mt-3', alarm && 'rounded bg-lamp-soft p-3')}>
      <p role="status" className={cx('flex items-center gap-2 text-sm font-medium', alarm && 'text-lamp-ink')}>
        <Sign className={cx('size-4 shrink-0', !alarm && condition.tone !== 'calm' && 'text-ink-3')} aria-hidden />
        {t(`whatsapp.s_${condition.word}`)}
      </p>
      {help && <p className={cx('mt-1 text-sm', alarm ? '' : 'ps-6 text-ink-2')}>{help}</p>}
      {alarm && children}
    </div>
  )
}

/** What the word means for them, with its times. */
function useHelp(session: WhatsappSession, { word }: Condition, now: number): string {
  const { t } = useTranslation()
  const at = (time: string | null) => (time ? dateAndTime(time, now) : '')
  const since = span(now - Date.parse(session.health.since ?? session.observed_at))
  switch (word) {
    case 'connected':
    case 'connecting':
    case 'stopping':
    case 'unlinking':
      return ''
    case 'silent':
    case 'stuck':
      return t(`whatsapp.h_${word}`, { span: since })
    case 'held':
    case 'sparing': {
      const why = t(`whatsapp.b_${session.pause_reason as 'broadcasts'}`, { defaultValue: '' }) || t(`whatsapp.p_${session.pause_reason as 'unknown'}`, { defaultValue: t('whatsapp.p_unknown') })
      return `${why} ${t(`whatsapp.${word}_until`, { time: at(session.paused_until) })}`
    }
    case 'waiting': {
      const next = session.next_attempt_at && Date.parse(session.next_attempt_at) > now ? t('whatsapp.h_waiting_until', { time: at(session.next_attempt_at) }) : t('whatsapp.h_waiting')
      return `${t('whatsapp.h_waiting_since', { span: since })} ${next}`
    }
    case 'banned': {
      const why = t(`whatsapp.b_${session.reason as 'broadcasts'}`, { defaultValue: '' })
      return `${why} ${session.next_attempt_at ? t('whatsapp.h_banned_until', { time: at(session.next_attempt_at) }) : t('whatsapp.h_banned')}`.trim()
    }
    case 'logged_out':
      return t(session.reason === 'account_locked' ? 'whatsapp.h_locked' : 'whatsapp.h_logged_out')
    case 'failed':
      return t('whatsapp.h_failed', { reason: session.reason ?? '?' })
    default:
      return t(`whatsapp.h_${word}`)
  }
}

function Health({ session, now, admin }: { session: WhatsappSession; now: number; admin: boolean }) {
  const { t } = useTranslation()
  const { new_chats_today: begun, new_chats_limit: limit } = session
  // At rest the row still names who had it last.
  const isWorked = session.health.state !== 'resting' && session.health.state !== 'needs_you'
  return (
    <dl className="mt-4 grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-4">
      <Figure name={t('whatsapp.connected_at')} at={session.connected_at} otherwise={t(session.paired_at ? 'whatsapp.not_now' : 'whatsapp.never')} now={now} />
      <Figure name={t('whatsapp.heard_at')} at={session.heard_at} now={now} />
      <Figure name={t('whatsapp.received_at')} at={session.received_at} now={now} />
      <div>
        <dt className="text-xs text-ink-3">{t('whatsapp.new_chats')}</dt>
        <dd className={cx('text-sm tabular-nums', limit !== null && begun >= limit && 'font-semibold')}>
          {limit === null ? number(begun) : t('whatsapp.of', { begun: number(begun), limit: number(limit) })}
        </dd>
      </div>
      {admin && session.worker && isWorked && (
        <div className="col-span-full flex min-w-0 items-baseline gap-2 text-xs text-ink-3">
          <dt className="shrink-0">{t('whatsapp.worker')}</dt>
          <dd className="truncate">
            <bdi dir="ltr">{session.worker}</bdi>
          </dd>
        </div>
      )}
    </dl>
  )
}

function Figure({ name, at, otherwise, now }: { name: string; at: string | null; otherwise?: string; now: number }) {
  const { t } = useTranslation()
  return (
    <div>
      <dt className="text-xs text-ink-3">{name}</dt>
      <dd className="text-sm tabular-nums">
        {at ? (
          <time dateTime={at} title={full(at)}>
            {dateAndTime(at, now)}
          </time>
        ) : (
          <span className="text-ink-3">{otherwise ?? t('whatsapp.never')}</span>
        )}
      </dd>
    </div>
  )
}

function Rename({ session, onClose, onName }: { session: WhatsappSession; onClose: () => void; onName: (name: string) => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState(session.name)
  return (
    <Dialog open onClose={onClose} title={t('whatsapp.rename')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          if (name.trim() !== session.name) onName(name.trim())
          onClose()
        }}
      >
        <Field label={t('settings.inboxes.name')} help={t('settings.inboxes.name_help')}>
          {(ids) => <Input {...ids} autoFocus required maxLength={120} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button kind="primary" type="submit">
            {t('settings.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
