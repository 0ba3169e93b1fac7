#include "harness.h"

int passed, failed;

int main(void)
{
	run_launch();
	run_seccomp();
	run_log();
	run_control();
	run_exit_record();
	run_identity();
	run_workload();
	run_overlay();
	run_plan();
	run_tar_entry();
	run_exec();
	printf("%d passed, %d failed, 0 skipped\n", passed, failed);
	return failed > 0;
}
