complete -c portolan -l includefile -d 'read targets from a file, - for standard input' -r -F
complete -c portolan -l exclude -d 'never ask these targets, separated by commas' -r -f
complete -c portolan -l excludefile -d 'the same, from a file' -r -F
complete -c portolan -l authorised -d 'who allows more than 256 public addresses, and why' -r -f
complete -c portolan -s p -l ports -d 'ports: 22,80-90; all: -p-; by name: http*' -r -f
complete -c portolan -l top-ports -d 'the N likeliest ports' -r -f
complete -c portolan -l exclude-ports -d 'never ask these ports' -r -f
complete -c portolan -l method -d 'TCP by this method: auto, syn, connect, ack' -r -f -a "auto\t''
syn\t''
connect\t''
ack\t''"
complete -c portolan -s e -l interface -d 'send and hear by this interface alone' -r -f
complete -c portolan -l ping-syn -d 'look for hosts by SYN to these ports (80)' -r
complete -c portolan -l ping-ack -d 'the same by ACK (80); needs CAP_NET_RAW' -r
complete -c portolan -l ping-udp -d 'the same by UDP (40125); needs CAP_NET_RAW' -r
complete -c portolan -s T -l timing -d 'pace from 0 (paranoid) to 5 (insane), else 3' -r -f -a "paranoid\t''
sneaky\t''
polite\t''
normal\t''
aggressive\t''
insane\t''"
complete -c portolan -l rate -d 'as fast as nothing gets lost (auto), at most N' -r -f
complete -c portolan -l max-rate -d 'at most N probes a second' -r -f
complete -c portolan -l min-rate -d 'at least N probes a second, while there is something to ask' -r -f
complete -c portolan -l max-retries -d 'ask a silent port at most N times more (0 to 11)' -r -f
complete -c portolan -l host-timeout -d 'spend at most TIME on a host: 30s, 15m, 2h' -r -f
complete -c portolan -l shard -d 'do only part I of N' -r -f
complete -c portolan -l seed -d 'the seed of every order: same seed, same order' -r -f
complete -c portolan -l checkpoint -d 'keep in FILE where the scan is, for --resume' -r -F
complete -c portolan -l resume -d 'go on with a stopped scan; all else is in FILE' -r -F
complete -c portolan -l output-json -d 'NDJSON into a file, - for standard output' -r -F
complete -c portolan -l output-text -d 'the table into a file, - for standard output' -r -F
complete -c portolan -l color -d 'auto, always or never' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -l lang -d 'en or fr' -r -f -a "en\t''
fr\t''"
complete -c portolan -l stats-every -d 'tell progress so often: 10s, 1m, 500ms' -r -f
complete -c portolan -l resolve-all -d 'ask every address of a name, not one'
complete -c portolan -s 4 -l ipv4 -d 'IPv4 addresses only'
complete -c portolan -s 6 -l ipv6 -d 'IPv6 addresses only'
complete -c portolan -s F -l fast -d 'the 100 likeliest ports instead of 1000'
complete -c portolan -l syn -d 'TCP by SYN; needs CAP_NET_RAW (default with it)'
complete -c portolan -l connect -d 'TCP by connect, without privilege (default else)'
complete -c portolan -l ack -d 'TCP by ACK: what is filtered; needs CAP_NET_RAW'
complete -c portolan -l udp -d 'UDP, without privilege; with -sS or -sT both'
complete -c portolan -l tcp -d 'TCP, by the method that --method says'
complete -c portolan -l hosts-only -d 'find hosts and ask no ports'
complete -c portolan -l ping-echo -d 'the same by ICMP echo; needs CAP_NET_RAW'
complete -c portolan -l ping-timestamp -d 'the same by ICMP timestamp (IPv4); needs CAP_NET_RAW'
complete -c portolan -l ping-neighbour -d 'by ARP or neighbour discovery; needs CAP_NET_RAW'
complete -c portolan -l no-ping -d 'ask every port of ranges, even of silent hosts'
complete -c portolan -l no-collapse -d 'ask every address of aliased IPv6 ranges'
complete -c portolan -s n -l no-reverse-dns -d 'ask for no reverse names (never done yet)'
complete -c portolan -l open -d 'show open ports only'
complete -c portolan -l reason -d 'say why each port has its state'
complete -c portolan -l all -d 'one line a port: fold nothing'
complete -c portolan -s q -l quiet -d 'print only host:port of open ports'
complete -c portolan -l json -d 'NDJSON on standard output'
complete -c portolan -l packet-trace -d 'a line a call and a line an answer, on stderr'
complete -c portolan -l no-hints -d 'no advice after results and errors'
complete -c portolan -s v -l verbose -d 'tell each host as it is finished, and all warnings'
complete -c portolan -s d -l debug -d 'inner numbers in the lines of progress'
complete -c portolan -l accessible -d 'words instead of marks, for a screen reader'
complete -c portolan -s h -l help -d 'this page; --help tells everything'
complete -c portolan -s V -l version -d 'the version'
