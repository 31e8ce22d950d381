import type { RoomMember, User } from '@banter/client'

/** online is null while the server could not tell. Never changed but replaced: a line of the list is
 * drawn again when it is another object. */
export interface Member extends User {
  readonly online: boolean | null
}

/** A room's members and who is there. Presence is told twice, by a list and by news: the news that
 * came while the list was under way counts for more. */
export class Members {
  private list = new Map<number, Member>()
  private news: Map<number, boolean> | null = null

  /** Who is there first, then by name. */
  get sorted(): Member[] {
    const rank = (member: Member) => (member.online ? 0 : 1)
    return [...this.list.values()].sort(
      (a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username),
    )
  }

  get size(): number {
    return this.list.size
  }

  nameOf(id: number): string | null {
    return this.list.get(id)?.username ?? null
  }

  listRequested(): void {
    this.news = new Map()
  }

  listArrived(users: RoomMember[]): void {
    this.list = new Map(
      users.map((user) => [
        user.id,
        { ...user, online: this.news?.get(user.id) ?? user.is_online },
      ]),
    )
    this.news = null
  }

  /** Names without presence: what is left when the list cannot be had. */
  presenceUnknown(users: readonly User[]): void {
    for (const user of users) {
      if (!this.list.has(user.id)) this.list.set(user.id, { ...user, online: null })
    }
    for (const member of this.list.values()) this.list.set(member.id, { ...member, online: null })
    this.news = null
  }

  activity(id: number, online: boolean): void {
    this.news?.set(id, online)
    const member = this.list.get(id)
    if (member) this.list.set(id, { ...member, online })
  }

  joined(id: number, username: string | null): void {
    if (!this.list.has(id) && username !== null) {
      this.list.set(id, { id, username, online: this.news?.get(id) ?? false })
    }
  }

  left(id: number): void {
    this.list.delete(id)
  }
}
