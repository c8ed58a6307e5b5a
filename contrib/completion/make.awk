# SPDX-License-Identifier: GPL-2.0-or-later
#
# Writes the completion of a shell: the template, in which a line "@DATA@" is
# replaced by what is known of the commands.
#
#     awk -v shell=bash|zsh|fish -f make.awk COMMANDS TEMPLATE
#
# COMMANDS is what the preprocessor makes of commands.def: one command a line,
# "COMMAND|word|\"arguments\"|\"help\"". Of the arguments those that are options
# ("--" first) are known by their names, and the first two others by what they
# are: "file" (FILE, alone or beside NAME), "running" (a tunnel that is up),
# "peer" (a NAME after a FILE; not with add, whose peer is a new one).

function kind(word, position, command)
{
	if (word ~ /FILE/)
		return "file"
	if (word ~ /PEER|CLIENT/)
		return "peer"
	if (position == 1)
		return "running"
	return command == "add" ? "" : "peer"
}

# Options and kinds of arguments of the command number n. An option that is not
# the end of its brackets, nor of one of two ("|"), has a value after it.
function parse(n, usage,    words, count, i, position, option)
{
	count = split(usage, words, " ")
	for (i = 1; i <= count; i++) {
		if (words[i] ~ /^\[?--/) {
			option = words[i]
			gsub(/[][]/, "", option)
			options[n] = options[n] (options[n] ? " " : "") option
			if (words[i] !~ /\]$/ && words[i + 1] != "|") {
				valued[option] = 1
				i++
			}
		} else if (words[i] != "|" && position < 2) {
			position++
			argument[n, position] = kind(words[i], position, name[n])
		}
	}
}

FNR == NR && /^COMMAND\|/ {
	gsub(/" "/, "") # one text in two lines
	split($0, field, "\\|\"")
	n++
	name[n] = substr(field[1], length("COMMAND|") + 1)
	help[n] = substr(field[3], 1, length(field[3]) - 1)
	parse(n, substr(field[2], 1, length(field[2]) - 1))
	next
}
FNR == NR { next }

function bash(    i)
{
	printf "_minivpn_commands='"
	for (i = 1; i <= n; i++)
		printf "%s%s", name[i], i < n ? " " : "'\n"
	print "\n# _minivpn_options COMMAND\n_minivpn_options() {\n\tcase $1 in"
	for (i = 1; i <= n; i++)
		if (options[i])
			print "\t" name[i] ") echo '" options[i] "' ;;"
	print "\tesac\n}\n"
	print "# _minivpn_kinds COMMAND: of its first two arguments"
	print "_minivpn_kinds() {\n\tcase $1 in"
	for (i = 1; i <= n; i++)
		if (argument[i, 1])
			print "\t" name[i] ") echo '" argument[i, 1] \
				(argument[i, 2] ? " " argument[i, 2] : "") "' ;;"
	print "\tesac\n}\n\n# _minivpn_has_value OPTION\n_minivpn_has_value() {"
	printf "\tcase $1 in\n\t"
	separator = ""
	for (i in valued) {
		printf "%s%s", separator, i
		separator = " | "
	}
	print ") return 0 ;;\n\tesac\n\treturn 1\n}"
}

function zsh(    i)
{
	print "_minivpn_commands=("
	for (i = 1; i <= n; i++) {
		gsub(/'/, "'\\''", help[i])
		print "\t'" name[i] ":" help[i] "'"
	}
	print "\t'help:show the arguments of a command'\n)"
	print "typeset -gA _minivpn_options _minivpn_kinds"
	print "_minivpn_options=("
	for (i = 1; i <= n; i++)
		if (options[i])
			print "\t" name[i] " '" options[i] "'"
	print ")\n_minivpn_kinds=("
	for (i = 1; i <= n; i++)
		if (argument[i, 1])
			print "\t" name[i] " '" argument[i, 1] \
				(argument[i, 2] ? " " argument[i, 2] : "") "'"
	print ")"
}

function fish_argument(command, position, what)
{
	printf "complete -c minivpn -n '__minivpn_at %s %d' -a '(__minivpn_%s)'\n",
		command, position, what
}

function fish(    i, j, count, words)
{
	printf "complete -c minivpn -n '__minivpn_at help 1' -a '"
	for (i = 1; i <= n; i++)
		printf "%s%s", name[i], i < n ? " " : "'\n"
	for (i = 1; i <= n; i++) {
		gsub(/'/, "\\'", help[i])
		print "complete -c minivpn -n __fish_use_subcommand -a " \
			name[i] " -d '" help[i] "'"
		count = split(options[i], words, " ")
		for (j = 1; j <= count; j++)
			print "complete -c minivpn -n '__fish_seen_subcommand_from " \
				name[i] "' -l " substr(words[j], 3) \
				(words[j] in valued ? " -x" : "")
		for (j = 1; j <= 2; j++)
			if (argument[i, j])
				fish_argument(name[i], j, argument[i, j])
	}
}

$0 != "@DATA@" { print; next }
shell == "bash" { bash() }
shell == "zsh" { zsh() }
shell == "fish" { fish() }
