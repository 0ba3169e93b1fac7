/* `swarm-init try-userns <directory>`: whether containers with a user namespace can be made here, and restored from a checkpoint. */
#ifndef SW_TRY_USERNS_H
#define SW_TRY_USERNS_H

/* By making all of one but the processes, in an empty container directory of the file system that the others are on. 0, or 1 with the
 * reason on standard error. Nothing of it outlasts this process but what is written in the directory. */
int try_userns(const char *directory);

/* `swarm-init try-map <path>…`: whether the ids of all that is mounted at and below these can be mapped. As above. */
int try_map(char **paths);

#endif
