// The least that a program can do for a pod: it enters the pod's network namespace, hands the kernel nf_tables messages
// that somebody else has prepared, and reads the acknowledgements. What the plugin takes beside this is its own cost.
//
//   floor NAMESPACE BATCH
//
// Exits with 0 if the kernel took everything, with 1 if it refused a message, and with 2 if it could not be asked.
// Compiled by ci/bench, statically: SwiftPM would link the Swift runtime into it.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char batch[1 << 16];
static char answer[1 << 16];

static void require(int holds, const char *operation) {
  if (holds) return;
  perror(operation);
  exit(2);
}

int main(int count, char **arguments) {
  require(count == 3, "floor NAMESPACE BATCH");
  int file = open(arguments[2], O_RDONLY | O_CLOEXEC);
  require(file >= 0, arguments[2]);
  ssize_t size = read(file, batch, sizeof batch);
  require(size > 0 && size < (ssize_t)sizeof batch, "read");

  int namespace = open(arguments[1], O_RDONLY | O_CLOEXEC);
  require(namespace >= 0, arguments[1]);
  require(setns(namespace, CLONE_NEWNET) == 0, "setns");
  int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  require(netlink >= 0, "socket");
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  require(bind(netlink, (struct sockaddr *)&kernel, sizeof kernel) == 0, "bind");

  int awaited = 0;
  for (ssize_t rest = size, length; rest > 0; rest -= length) {
    struct nlmsghdr *message = (struct nlmsghdr *)(batch + size - rest);
    if (message->nlmsg_flags & NLM_F_ACK) awaited++;
    length = NLMSG_ALIGN(message->nlmsg_len);
    require(length > 0, "batch");
  }
  require(sendto(netlink, batch, size, 0, (struct sockaddr *)&kernel, sizeof kernel) == size, "sendto");

  // An error may leave the other messages without an answer, so the first one ends the run.
  while (awaited > 0) {
    ssize_t received = recv(netlink, answer, sizeof answer, 0);
    require(received > 0, "recv");
    for (struct nlmsghdr *message = (struct nlmsghdr *)answer; NLMSG_OK(message, received);
         message = NLMSG_NEXT(message, received)) {
      if (message->nlmsg_type != NLMSG_ERROR) continue;
      struct nlmsgerr *error = NLMSG_DATA(message);
      if (error->error != 0) {
        fprintf(stderr, "message %u: error %d\n", message->nlmsg_seq, error->error);
        return 1;
      }
      awaited--;
    }
  }
  return 0;
}
