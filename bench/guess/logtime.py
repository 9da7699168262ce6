#!/usr/bin/fail2ban-python
"""Reads a log with fail2ban's own filters, counters and bans, at the log's own time, and prints each ban: address, from, until.

The server itself judges by the wall clock, so an old log bans nobody. Here fail2ban's clock (MyTime) is set to the stamp of each
line before the line is counted; nothing else of it is replaced. Jails and limits are those of its jail.conf: postfix with
mode=aggressive, and dovecot; 5 failures within 10 minutes, for 10 minutes. As in the server, each jail reads every line, and
an address is the same for both doors when one of them bans it.

	logtime.py LOG NOW        NOW: seconds since 1970 at which the log begins, to know the year of its stamps
"""
import sys

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.banmanager import BanManager
from fail2ban.server.filter import Filter
from fail2ban.server.mytime import MyTime
from fail2ban.server.ticket import BanTicket

RETRIES, FIND, BAN = 5, 600, 600


class Jail:
	"""A jail as far as a filter and its bans need one."""

	def __init__(self, name, options):
		self.name = name
		self.bans = BanManager()
		self.bans.setBanTime(BAN)
		self.filter = InLogTime(self, useDns="no")
		self.filter.setMaxRetry(RETRIES)
		self.filter.setFindTime(FIND)
		self.filter.checkFindTime = False  # it would compare the stamps with the wall clock
		reader = FilterReader(name, name, options, basedir="/etc/fail2ban")
		reader.read()
		reader.applyAutoOptions("polling")
		reader.getOptions(None)
		for command in reader.convert():
			values = command[3:] if command[0] == "set" else command[3]
			for value in values:
				self.configure(command[2], value)

	def configure(self, option, value):
		if option == "prefregex":
			self.filter.prefRegex = value
		elif option == "addfailregex":
			self.filter.addFailRegex(value)
		elif option == "addignoreregex":
			self.filter.addIgnoreRegex(value)
		elif option == "maxlines":
			self.filter.setMaxLines(value)
		elif option == "datepattern":
			self.filter.setDatePattern(value)

	def putFailTicket(self, ticket):
		now = MyTime.time()
		self.bans.unBanList(now)
		ban = BanTicket.wrap(ticket)
		ban.setTime(now)
		ban.setBanTime(BAN)
		self.bans.addBanTicket(ban)
		print(ban.getID(), now, now + BAN, sep="\t")


class InLogTime(Filter):
	"""A filter for which it is as late as the line that it reads says."""

	def findFailure(self, tupleLine, date, noDate=False):
		if date is not None:
			MyTime.setTime(date)
		return super().findFailure(tupleLine, date, noDate=noDate)


def main(path, now):
	MyTime.setTime(float(now))
	jails = [Jail("postfix", {"mode": "aggressive"}), Jail("dovecot", {})]
	with open(path, encoding="utf-8", errors="replace") as log:
		for line in log:
			line = line.rstrip("\r\n")
			for jail in jails:
				jail.filter.processLineAndAdd(line)


main(*sys.argv[1:])
